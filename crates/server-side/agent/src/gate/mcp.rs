//! The gate as an MCP server: every verb is a tool.

mod line;

use std::sync::Arc;

use axum::{Router, middleware::from_fn};
use letsbe_gate::Verb;
use letsbe_types::ids::ApprovalId;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod,
        CompleteRequestParams, CompleteResult, CustomRequest, CustomResult, ErrorCode, Implementation,
        ListPromptsRequestMethod, ListPromptsResult, ListResourceTemplatesRequestMethod,
        ListResourceTemplatesResult, ListResourcesRequestMethod, ListResourcesResult, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig,
    },
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde_json::Value;

use crate::gate::{Gate, answer::Asked, from_here::HOSTS, schema, server::BODY_BYTES};

/// Pages that may ask: those of this server's own addresses.
const ORIGINS: [&str; 4] =
    ["http://letsbe-secrets-proxy:*", "http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"];
/// Methods that there are here. When the library does not know one of them, it is because of its parameters.
const METHODS: [&str; 4] = ["initialize", "ping", "tools/list", "tools/call"];
/// MCP says nothing of who asks.
const AGENT: &str = "openclaw";

/// One connection; holds nothing of its own.
#[derive(Clone)]
pub(super) struct Mcp {
    gate: Arc<Gate>,
}

/// The service for `/mcp`: without sessions, so that a restart of the agent loses none.
pub(super) fn service(gate: &Arc<Gate>) -> Router {
    let gate = Arc::clone(gate);
    let mut config =
        StreamableHttpServerConfig::default().with_allowed_hosts(HOSTS).with_allowed_origins(ORIGINS);
    config.legacy_session_mode = false;
    config.json_response = true;
    config.max_request_body_bytes = BODY_BYTES;
    let server = move || Ok(Mcp { gate: Arc::clone(&gate) });
    let sessions = Arc::<LocalSessionManager>::default();
    let service = StreamableHttpService::new(server, sessions, config);
    Router::new().fallback_service(service).layer(from_fn(line::read))
}

impl ServerHandler for Mcp {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("letsbe-gate", env!("CARGO_PKG_VERSION")))
            .with_instructions(schema::INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let rules = self.gate.rules.current();
        let tool = |verb: &Verb| schema::tool(*verb, rules.table.verb(*verb));
        Ok(ListToolsResult::with_all_items(Verb::ALL.iter().map(tool).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let asked = asked(request)?;
        // What was refused is an answer that the model shall read, not an error of the line.
        let result = match self.gate.ask(asked).await {
            Ok(answer) if ["refused", "failed"].contains(&answer["status"].as_str().unwrap_or_default()) => {
                CallToolResult::structured_error(answer)
            }
            Ok(answer) => CallToolResult::structured(answer),
            Err(refusal) => CallToolResult::structured_error(refusal.to_json()),
        };
        Ok(result.into())
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let method = request.method;
        if METHODS.contains(&method.as_str()) {
            let message = format!("the parameters of `{method}` do not have the right form");
            return Err(ErrorData::invalid_params(message, None));
        }
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method, None))
    }

    // What the library would answer with nothing, though it is not offered.

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourcesRequestMethod>())
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourceTemplatesRequestMethod>())
    }

    async fn complete(
        &self,
        _request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::method_not_found::<CompleteRequestMethod>())
    }
}

/// The arguments of a tool's call, taken apart into what belongs to the gate and what to the verb. A `null` is as if
/// absent.
fn asked(request: CallToolRequestParams) -> Result<Asked, ErrorData> {
    let mut arguments = request.arguments.unwrap_or_default();
    arguments.retain(|_, value| !value.is_null());
    let invalid =
        |field: &str| ErrorData::invalid_params(format!("`{field}` is not as its schema says"), None);
    let tool = match arguments.remove("tool") {
        None => None,
        Some(Value::String(tool)) => Some(tool),
        Some(_) => return Err(invalid("tool")),
    };
    let plan_only = match arguments.remove("plan_only") {
        None => false,
        Some(Value::Bool(only)) => only,
        Some(_) => return Err(invalid("plan_only")),
    };
    let verb = request.name.into_owned();
    let mut approval = None;
    if verb != Verb::ApprovalStatus.name()
        && let Some(given) = arguments.remove("approval")
    {
        let id: ApprovalId = serde_json::from_value(given).map_err(|_| invalid("approval"))?;
        approval = Some(id);
    }
    let arguments = Value::Object(arguments);
    Ok(Asked { agent: AGENT.to_owned(), verb, tool, arguments, plan_only, approval })
}
