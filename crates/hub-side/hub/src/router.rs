//! Every route of the Hub, in one table. What a route may be asked by whom stands beside it; there is no default.

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::Method,
    middleware::{from_fn, from_fn_with_state},
    routing::{self, MethodRouter, get, patch, post},
};
use letsbe_serve::Bounds;
use letsbe_types::tenant::limits;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    AppState,
    controllers::{
        agents, backups, health, hub_tasks, jobs, models, orders, payments, recovery, sessions,
        tenants::{self, configuration, relay_key},
        work,
    },
    convergence,
    relay::REQUEST_BYTES,
    security::{
        limit::{self as rate, GoodKeys, Limited, Limits, Scope},
        sessions::{Stranger, require},
    },
    web,
};

const BODY_LIMIT: usize = 64 * 1024;
const REPORT_LIMIT: usize = 1024 * 1024;
/// Events carry whole objects, with all that a shop has written into them.
const STRIPE_LIMIT: usize = 256 * 1024;

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, as often as they like: nothing is read or written for it.
    Open,
    /// Anybody, so many times a minute.
    Limited(Scope),
    /// Whoever brings the right key or signature; the handler checks it, and refusals are counted.
    Keyed,
    /// Whoever brings an agent's key; the handler checks it. Refusals are counted, and what a good key asks, too.
    Agent,
    /// Staff; others get 401.
    Staff,
    /// Staff; others are sent to the login page.
    StaffPage,
}

/// One line of the table.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with `{placeholders}`.
    pub path: &'static str,
    /// Who may ask.
    pub access: Access,
    handler: MethodRouter<AppState>,
}

/// The table.
#[must_use]
pub fn routes() -> Vec<Route> {
    use Access::{Keyed, Limited, Open, Staff, StaffPage};
    let public = Limited(Scope::Public);
    let login = Limited(Scope::Login);
    let (read, write, change) = (|| Method::GET, || Method::POST, || Method::PATCH);
    let report = patch(jobs::report).layer(DefaultBodyLimit::max(REPORT_LIMIT));
    let stripe = post(payments::webhook::take).layer(DefaultBodyLimit::max(STRIPE_LIMIT));
    let mut table = vec![
        line(read(), "/healthz", Open, get(health::health)),
        line(read(), "/readyz", Open, get(hub_tasks::ready)),
        line(write(), "/api/v1/public/orders", Limited(Scope::Checkout), post(orders::checkout::create)),
        line(read(), "/api/v1/public/orders/{id}", public, get(orders::progress::show)),
        line(write(), "/api/v1/webhooks/stripe", Keyed, stripe),
        line(change(), "/api/v1/jobs/{id}", Keyed, report),
        line(write(), "/api/v1/admin/login", login, post(sessions::login)),
        line(write(), "/api/v1/admin/logout", Staff, post(sessions::logout)),
        line(read(), "/api/v1/admin/orders", Staff, get(orders::list::list)),
        line(read(), "/api/v1/admin/orders/{id}", Staff, get(orders::list::show)),
        line(write(), "/api/v1/admin/orders/{id}/actions", Staff, post(orders::desk::act)),
        line(write(), "/api/v1/admin/orders/{id}/actions/plan", Staff, post(orders::desk::plan)),
        line(read(), "/api/v1/admin/orders/{id}/events", Staff, get(orders::events::stream)),
        line(read(), "/api/v1/admin/work", Staff, get(work::list)),
        line(read(), "/api/v1/admin/work/{id}", Staff, get(work::show)),
        line(write(), "/api/v1/admin/work/{id}/actions", Staff, post(work::act)),
        line(write(), "/api/v1/admin/work/{id}/actions/plan", Staff, post(work::plan)),
        line(read(), "/api/v1/admin/tasks", Staff, get(orders::tasks::list)),
        line(write(), "/api/v1/admin/tasks/{id}/done", Staff, post(orders::tasks::done)),
        line(read(), "/", StaffPage, get(web::orders::list)),
        line(read(), "/orders", StaffPage, get(web::orders::moved)),
        line(read(), "/orders/{id}", StaffPage, get(web::orders::show)),
        line(read(), "/orders/{id}/events", StaffPage, get(web::live::stream)),
        line(write(), "/orders/{id}/actions", StaffPage, post(web::orders::act)),
        line(write(), "/logout", StaffPage, post(web::login::logout)),
        line(read(), "/login", Open, get(web::login::show)),
        line(write(), "/login", login, post(web::login::submit)),
        line(read(), "/progress/{id}", public, get(web::progress::show)),
        line(read(), "/waiting", StaffPage, get(web::waiting::show)),
        line(write(), "/waiting/tasks/{id}", StaffPage, post(web::waiting::done)),
        line(read(), "/errors/{code}", public, get(web::explain::show)),
        line(read(), "/assets/{name}", Open, get(web::assets::asset)),
    ];
    table.extend(tenant_routes());
    table.extend(backup_routes());
    table.extend(recovery_routes());
    table.extend(own_routes());
    table
}

fn line(method: Method, path: &'static str, access: Access, handler: MethodRouter<AppState>) -> Route {
    Route { method, path, access, handler }
}

/// The doors of tenants' agents, and what staff does about tenants.
fn tenant_routes() -> Vec<Route> {
    use Access::{Agent, Keyed, Staff, StaffPage};
    let (read, write, put) = (|| Method::GET, || Method::POST, || Method::PUT);
    let asked = |handler: MethodRouter<AppState>| handler.layer(DefaultBodyLimit::max(REQUEST_BYTES));
    let events = post(agents::events::events).layer(DefaultBodyLimit::max(limits::EVENT_BYTES));
    vec![
        line(write(), "/api/v1/tenant/register", Agent, post(agents::register)),
        line(write(), "/api/v1/tenant/heartbeat", Agent, post(agents::heartbeat::heartbeat)),
        line(write(), "/api/v1/tenant/events", Agent, events),
        line(read(), "/api/v1/tenant/commands", Agent, get(agents::commands::commands)),
        line(write(), "/api/v1/tenant/models", Agent, post(models::grant)),
        line(write(), "/api/v1/tenant/models/{provider}/chat/completions", Keyed, asked(post(models::chat))),
        line(write(), "/api/v1/tenant/models/{provider}/responses", Keyed, asked(post(models::responses))),
        line(write(), "/api/v1/tenant/models/{provider}/embeddings", Keyed, asked(post(models::embeddings))),
        line(read(), "/api/v1/admin/tenants", Staff, get(tenants::list::list)),
        line(read(), "/api/v1/admin/tenants/{id}", Staff, get(tenants::list::show)),
        line(read(), "/api/v1/admin/tenants/{id}/configuration", Staff, get(configuration::show)),
        line(put(), "/api/v1/admin/tenants/{id}/configuration", Staff, routing::put(configuration::change)),
        line(read(), "/api/v1/admin/tenants/{id}/commands", Staff, get(tenants::commands::list)),
        line(write(), "/api/v1/admin/tenants/{id}/commands", Staff, post(tenants::commands::create)),
        line(read(), "/api/v1/admin/tenants/{id}/commands/{command}", Staff, get(tenants::commands::show)),
        line(read(), "/api/v1/admin/tenants/{id}/approvals", Staff, get(tenants::approvals::list)),
        line(
            write(),
            "/api/v1/admin/tenants/{id}/approvals/{approval}",
            Staff,
            post(tenants::approvals::decide),
        ),
        line(read(), "/api/v1/admin/tenants/{id}/gate-heads", Staff, get(tenants::gate_heads::list)),
        line(
            write(),
            "/api/v1/admin/tenants/{id}/gate-heads/accept",
            Staff,
            post(tenants::gate_heads::accept),
        ),
        line(read(), "/api/v1/admin/tenants/{id}/escrow", Staff, get(tenants::escrow::show)),
        line(write(), "/api/v1/admin/tenants/{id}/revoke", Staff, post(tenants::revoke::revoke)),
        line(write(), "/api/v1/admin/tenants/{id}/relay-key", Staff, post(relay_key::renew)),
        line(write(), convergence::PLAN_PATH, Staff, post(tenants::converge::plan)),
        line(read(), "/tenants", StaffPage, get(web::tenants::list)),
        line(read(), "/tenants/{id}", StaffPage, get(web::tenants::show)),
        line(write(), "/tenants/{id}/approvals/{approval}", StaffPage, post(web::tenants::decide)),
    ]
}

/// Tenants' backups, and what staff does about them.
fn backup_routes() -> Vec<Route> {
    use Access::{Staff, StaffPage};
    let (read, write, put) = (|| Method::GET, || Method::POST, || Method::PUT);
    let (list, show) = (get(backups::list::list), get(backups::list::show));
    let give = routing::put(backups::destination::give);
    let acknowledge = post(backups::alarms::acknowledge);
    vec![
        line(read(), "/api/v1/admin/backups", Staff, list),
        line(read(), "/api/v1/admin/backups/hub", Staff, get(backups::hub::show)),
        line(read(), "/api/v1/admin/tenants/{id}/backups", Staff, show),
        line(write(), "/api/v1/admin/tenants/{id}/alarms/{alarm}", Staff, acknowledge),
        line(read(), "/api/v1/admin/orders/{id}/destination", Staff, get(backups::destination::show)),
        line(put(), "/api/v1/admin/orders/{id}/destination", Staff, give),
        line(read(), "/api/v1/admin/drills", Staff, get(backups::drills::list)),
        line(write(), "/api/v1/admin/tenants/{id}/drills", Staff, post(backups::drills::create)),
        line(write(), "/api/v1/admin/tenants/{id}/drills/{drill}", Staff, post(backups::drills::record)),
        line(read(), "/tenants/{id}/drills/{drill}", StaffPage, get(web::drills::show)),
        line(write(), "/tenants/{id}/drills/{drill}", StaffPage, post(web::drills::record)),
        line(read(), "/backups", StaffPage, get(web::backups::list)),
        line(read(), "/tenants/{id}/backups", StaffPage, get(web::backups::show)),
        line(write(), "/tenants/{id}/alarms/{alarm}", StaffPage, post(web::backups::acknowledge)),
    ]
}

/// Lost servers and what takes their place.
fn recovery_routes() -> Vec<Route> {
    use Access::{Keyed, Staff};
    let (read, write) = (|| Method::GET, || Method::POST);
    vec![
        line(read(), "/api/v1/jobs/{id}/keys", Keyed, get(recovery::hand_keys)),
        line(read(), "/api/v1/admin/recoveries", Staff, get(recovery::of_all)),
        line(read(), "/api/v1/admin/tenants/{id}/recoveries", Staff, get(recovery::of_tenant)),
        line(read(), "/api/v1/admin/tenants/{id}/recovery", Staff, get(recovery::show)),
        line(write(), "/api/v1/admin/tenants/{id}/recovery", Staff, post(recovery::create)),
        line(write(), "/api/v1/admin/tenants/{id}/recovery/plan", Staff, post(recovery::planned)),
        line(write(), "/api/v1/admin/tenants/{id}/recovery/cancel", Staff, post(recovery::cancel)),
        line(write(), "/api/v1/admin/tenants/{id}/recovery/keys", Staff, post(recovery::give_keys)),
        line(write(), "/api/v1/admin/tenants/{id}/recovery/lost", Staff, post(recovery::settle)),
    ]
}

/// The Hub's own work.
fn own_routes() -> Vec<Route> {
    use Access::{Staff, StaffPage};
    let (read, write) = (|| Method::GET, || Method::POST);
    vec![
        line(read(), "/api/v1/admin/hub/tasks", Staff, get(hub_tasks::list)),
        line(write(), "/api/v1/admin/hub/tasks/{task}/run", Staff, post(hub_tasks::run)),
        line(read(), "/hub/tasks", StaffPage, get(web::hub_tasks::list)),
        line(write(), "/hub/tasks/{task}/run", StaffPage, post(web::hub_tasks::run)),
    ]
}

/// Answers requests until `stop` is ready. Callers are told apart by their address, and none holds the Hub.
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    bounds: Bounds,
    stop: impl Future<Output = ()> + Send,
) {
    letsbe_serve::serve(listener, router(state), bounds, stop).await;
}

/// The Hub's HTTP service, as [`serve`] serves it.
pub fn router(state: AppState) -> Router {
    let limits = Arc::new(Limits::default());
    let good = Arc::new(GoodKeys::default());
    let limited =
        |scope| Limited { state: state.clone(), limits: Arc::clone(&limits), good: Arc::clone(&good), scope };
    // Apart from the others: whoever has many addresses makes nobody's key forgotten.
    let agents = Limited { limits: Arc::default(), ..limited(Scope::Agent) };
    let staff = |stranger| from_fn_with_state((state.clone(), stranger), require);
    let mut router = Router::new();
    for Route { path, access, handler, .. } in routes() {
        let guarded = match access {
            Access::Open => handler,
            Access::Limited(scope) => handler.route_layer(from_fn_with_state(limited(scope), rate::every)),
            Access::Keyed => handler.route_layer(from_fn_with_state(limited(Scope::Refused), rate::refused)),
            Access::Agent => handler
                .route_layer(from_fn_with_state(agents.clone(), rate::known))
                .route_layer(from_fn_with_state(limited(Scope::Refused), rate::refused)),
            Access::Staff => handler.route_layer(staff(Stranger::Refuse)),
            Access::StaffPage => handler.route_layer(staff(Stranger::Redirect)),
        };
        router = router.route(path, guarded);
    }
    router
        .fallback(web::not_found)
        .method_not_allowed_fallback(web::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CatchPanicLayer::custom(web::panicked))
        .layer(from_fn(web::logged))
        .layer(from_fn_with_state(state.clone(), web::as_page))
        .layer(from_fn_with_state(state.clone(), web::headers))
        .with_state(state)
}
