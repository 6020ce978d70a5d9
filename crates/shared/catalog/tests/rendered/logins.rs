//! Every way to try a password at a tool, and what slows down who guesses: nginx itself, running with all sites, or the
//! tool. A tool without an entry is a failure.

use std::{collections::BTreeSet, net::TcpListener, os::unix::fs::PermissionsExt};

use letsbe_catalog::{Door, Selection, SiteFile, ToolId, render_sites};
use letsbe_types::Tier;

use crate::{
    context,
    front::{Front, Running},
    support::shipped,
};

/// What bounds guessing.
enum Bound {
    /// nginx: 40 at once, then 20 a minute.
    LogIn,
    /// nginx: 300 at once, then 300 a minute; a password comes along with every request.
    Carried,
    /// The tool itself, in this way; nginx lets its programs ask on.
    Tool(&'static str),
    /// A password of chance, which nobody guesses.
    Random(&'static str),
}

use Bound::{Carried, LogIn, Random, Tool};

/// A way in: where, with which options of curl, and its bound.
type Way = (&'static str, &'static [&'static str], Bound);

const POST: &[&str] = &["-d", "a=b"];
const PUT: &[&str] = &["-X", "PUT", "-d", "{}"];
const BASIC: &[&str] = &["-u", "ann:guess"];
const LOWER: &[&str] = &["-H", "authorization: bAsIc YW5uOmd1ZXNz"];
const SHARED: &[&str] = &["-H", "xc-password: guess"];
const BEARER: &[&str] = &["-H", "Authorization: Bearer guess"];
const SOCKET: &str = "6 log-ins a minute of one address (logins.js), and 20 of all callers together, whatever way they connect; \
                      then \"Too frequently\"";

const WAYS: &[(&str, &[Way])] = &[
    (
        "ghost",
        &[
            ("/ghost/api/admin/session/", POST, LogIn),
            ("/ghost/api/Admin/SESSION", POST, LogIn),
            ("/ghost/api/canary/admin/session/", POST, LogIn),
            ("/ghost/api/admin/session/verify/", PUT, LogIn),
            ("/ghost/api/admin/authentication/password_reset/", PUT, LogIn),
            ("/members/api/send-magic-link/", POST, LogIn),
            ("/members/api/verify-otc/", POST, LogIn),
            ("/private/?r=%2F", POST, LogIn),
            ("/ghost/api/content/posts/", BASIC, Carried),
            ("/ghost/api/admin/posts/", BEARER, Random("the key of an integration, 256 bits")),
        ],
    ),
    (
        "nextcloud",
        &[
            ("/login", POST, LogIn),
            ("/index.php/login", POST, LogIn),
            ("/login/challenge/totp", POST, LogIn),
            ("/login/confirm", POST, LogIn),
            ("/lostpassword/email", POST, LogIn),
            ("/s/abc/authenticate/showShare", POST, LogIn),
            ("/index.php/s/abc/authenticate", POST, LogIn),
            (
                "/remote.php/dav/files/ann/",
                BASIC,
                Tool("delays an address, and refuses it after ten failures"),
            ),
            ("/ocs/v2.php/cloud/user", BASIC, Tool("the same")),
            ("/public.php/webdav/", BASIC, Tool("the same")),
        ],
    ),
    (
        "nocodb",
        &[
            ("/api/v1/auth/user/signin", POST, LogIn),
            ("/api/v2/auth/user/signin", POST, LogIn),
            ("/api/v1/db/auth/user/signin", POST, LogIn),
            ("/auth/user/signin/", POST, LogIn),
            ("/api/v1/db/auth/user/signup", POST, LogIn),
            ("/api/v1/db/auth/password/forgot", POST, LogIn),
            ("/api/v1/db/public/shared-view/x/rows", SHARED, Carried),
            ("/api/v1/db/meta/projects/", BASIC, Carried),
            (
                "/api/v2/meta/bases/",
                BEARER,
                Random("a token of NocoDB's own, signed or 40 characters of chance"),
            ),
        ],
    ),
    (
        "odoo",
        &[
            ("/web/login", POST, LogIn),
            ("/de/web/login", POST, LogIn),
            ("/pt_BR/web/login", POST, LogIn),
            ("/sr@latin/web/login", POST, LogIn),
            ("/es_419/web/login", POST, LogIn),
            ("/web/login/totp", POST, LogIn),
            ("/web/session/authenticate", POST, LogIn),
            ("/web/reset_password", POST, LogIn),
            ("/xmlrpc/common", POST, LogIn),
            ("/xmlrpc/2/common", POST, LogIn),
            ("/xmlrpc/2/object", POST, Carried),
            ("/xmlrpc/object", POST, Carried),
            ("/jsonrpc", POST, Carried),
            ("/en/jsonrpc", POST, Carried),
            ("/de/xmlrpc/2/object", POST, Carried),
            ("/json/2/res.users/read", BEARER, Random("an API key, 160 bits")),
            ("/anything", BASIC, Carried),
        ],
    ),
    (
        "portainer",
        &[
            ("/api/auth", POST, LogIn),
            ("/api/auth/oauth/validate", POST, LogIn),
            ("/api/users/admin/init", POST, LogIn),
            ("/api/authx", &[], LogIn),
            ("/api/endpoints", BASIC, Carried),
            ("/api/endpoints", BEARER, Random("a signed token, or an API key of 256 bits")),
        ],
    ),
    ("static-website", &[("/", BASIC, Carried)]),
    (
        "uptime-kuma",
        &[
            ("/socket.io/?EIO=4&transport=polling", POST, Tool(SOCKET)),
            ("/metrics", BASIC, Carried),
            ("/api/push/abc", &[], Random("a token of 32 characters, which lets nobody in")),
        ],
    ),
    (
        "wordpress",
        &[
            ("/wp-login.php", POST, LogIn),
            ("/wp-login.php?action=lostpassword", POST, LogIn),
            ("/wp-login.php?action=postpass", POST, LogIn),
            ("/xmlrpc.php", POST, LogIn),
            ("/wp-login.php/%0A%0Ax", POST, LogIn),
            ("/xmlrpc.php/%0A%0Ax", POST, LogIn),
            ("/wp-json/wp/v2/users/me", BASIC, Carried),
            ("/?rest_route=/wp/v2/users/me", LOWER, Carried),
        ],
    ),
];

/// All sites, open; behind them nobody answers.
fn front(files: &Front) -> Running {
    std::fs::set_permissions(files.folder.path(), std::fs::Permissions::from_mode(0o755)).expect("mode");
    let catalog = shipped();
    let tools: Vec<ToolId> = catalog.tools().map(|tool| tool.name.clone()).collect();
    let selection = Selection { tier: Tier::Enterprise, tools };
    let mut sites =
        render_sites(&catalog, &selection, &context(), |_| Door::Open(&files.certificate)).expect("sites");
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr()).expect("a port");
    for SiteFile { contents, .. } in &mut sites {
        for port in catalog.tools().flat_map(|tool| &tool.vhosts).map(|vhost| vhost.port) {
            *contents = contents.replace(&format!("127.0.0.1:{port};"), &format!("{closed};"));
        }
    }
    Running::start(files, &sites)
}

/// Of so many requests of one address, how many pass before the first that is refused; `None` when all do.
fn passed(nginx: &Running, url: &str, options: &[&str], address: &str, count: usize) -> Option<usize> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let url = format!("{path}?{query}&try=[1-{count}]");
    let mut all = vec!["-o", "/dev/null", "--interface", address];
    all.extend(options);
    let (code, reply) = nginx.ask_with(&url, &all);
    assert_eq!(code, 0, "{reply}");
    let codes: Vec<&str> = reply.split_whitespace().collect();
    assert_eq!(codes.len(), count, "{reply}");
    codes.iter().position(|code| *code == "429")
}

#[test]
fn every_way_to_try_a_password_at_a_tool_has_its_limit_and_no_tool_is_left_out() {
    let catalog = shipped();
    let listed: BTreeSet<&str> = WAYS.iter().map(|(name, _)| *name).collect();
    let sold: BTreeSet<&str> = catalog.tools().map(|tool| tool.name.as_str()).collect();
    assert_eq!(listed, sold, "each tool's ways in are listed here");
    let files = Front::new();
    let nginx = front(&files);
    let mut callers = 0..;
    for (name, ways) in WAYS {
        let tool = catalog.tools().find(|tool| tool.name.as_str() == *name).expect("it is sold");
        assert!(!ways.is_empty(), "{name}");
        for (path, options, bound) in *ways {
            // Each way is tried from an address of its own, so that one does not use up the other's tries.
            let caller = callers.next().expect("many");
            let address = format!("127.9.{}.{}", caller / 200, 1 + caller % 200);
            let url = format!("https://{}{path}", context().hostname(tool));
            let count = if matches!(bound, LogIn) { 60 } else { 450 };
            let passed = passed(&nginx, &url, options, &address, count);
            match bound {
                LogIn => assert!(passed.is_some_and(|passed| passed >= 40), "{name} {path}: {passed:?}"),
                Carried => assert!(passed.is_some_and(|passed| passed >= 300), "{name} {path}: {passed:?}"),
                Tool(how) | Random(how) => {
                    assert!(!how.is_empty() && passed.is_none(), "{name} {path}: {passed:?}");
                }
            }
        }
    }
}

#[test]
fn every_path_of_a_log_in_in_the_catalog_is_counted() {
    let (catalog, files) = (shipped(), Front::new());
    let nginx = front(&files);
    let mut callers = 0..;
    for tool in catalog.tools() {
        for path in tool.vhosts.iter().flat_map(|vhost| &vhost.logins) {
            let caller = callers.next().expect("many");
            let address = format!("127.10.{}.{}", caller / 200, 1 + caller % 200);
            let url = format!("https://{}{path}", context().hostname(tool));
            assert!(passed(&nginx, &url, POST, &address, 45).is_some(), "{} {path}", tool.name);
        }
    }
}

/// Portainer counts all callers as one: nginx. It would shut its owner out for an hour.
#[test]
fn a_crowd_at_portainers_log_in_is_not_let_through_at_once_and_elsewhere_it_is() {
    let files = Front::new();
    let nginx = front(&files);
    let addresses: Vec<String> = (1..=120).map(|number| format!("127.11.0.{number}")).collect();
    let refused = |url: &str| {
        let codes = nginx.asked_at_once_from(url, &addresses);
        assert_eq!(codes.len(), addresses.len(), "{url}: {codes:?}");
        codes.iter().filter(|code| *code == "429").count()
    };
    assert!(refused("https://containers.bakery.example/api/auth") > 0);
    assert!(refused("https://containers.bakery.example/api/users/1/passwd") > 0);
    assert_eq!(refused("https://www.bakery.example/wp-login.php"), 0, "an address for itself");
}

/// That one bucket is for all callers: whatever is counted there must be counted by address, too.
#[test]
fn one_address_does_not_keep_others_from_portainers_log_in() {
    let files = Front::new();
    let nginx = front(&files);
    let host = "https://containers.bakery.example";
    let mine = passed(&nginx, &format!("{host}/api/authx"), &[], "127.12.0.1", 200);
    assert!(mine.is_some_and(|mine| mine <= 60), "{mine:?}");
    assert_eq!(passed(&nginx, &format!("{host}/api/auth"), POST, "127.12.0.2", 10), None);
}

/// nginx does not see what is said over a line that is open; what counts it is loaded into the real socket.io.
#[test]
fn one_address_does_not_keep_others_from_uptime_kumas_log_in_whatever_way_it_connects() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../..");
    let counts = format!("--require={folder}/catalog/tools/uptime-kuma/files/logins.js");
    let said = std::process::Command::new("node")
        .arg(counts)
        .arg(format!("{folder}/crates/shared/catalog/tests/fixtures/log_ins.js"))
        .env("NODE_PATH", "/opt/letsbe-test-programs/node_modules")
        .output()
        .expect("node: xtask/scripts/install-test-programs.sh");
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success(), "{text}{}", String::from_utf8_lossy(&said.stderr));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "LetsBe: log-ins are counted for each address",
            "websocket, 8 tries: 6",
            "the same address by polling: 0",
            "another kind of request: 1",
            "another address, 6 tries: 6",
            "a neighbour in the same IPv6 network: 0",
            "a network with a zero, 6 tries: 6",
            "2001:db8:7:0:3::1: 0",
            "2001:db8:7:0:1:2:3:4: 0",
            "2001:db8:7:ff::1: 0",
            "2001:db8:7:100::1: 1",
            "who is on the server, 10 tries: 10",
        ]
    );
}
