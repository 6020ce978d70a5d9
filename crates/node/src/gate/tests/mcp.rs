use letsbe_types::tenant::Autonomy;
use serde_json::{Value, json};

use super::{KEY, Server};

async fn rpc(server: &Server, method: &str, parameters: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": parameters });
    let (status, answer) = server.post("/mcp", KEY, body.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn call(server: &Server, name: &str, arguments: Value) -> Value {
    rpc(server, "tools/call", json!({ "name": name, "arguments": arguments })).await["result"].clone()
}

#[tokio::test]
async fn an_mcp_client_sees_the_verbs_and_what_they_can_do() {
    let server = Server::new(Autonomy::Level1);
    let client = json!({ "name": "test", "version": "1" });
    let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
    let hello = rpc(&server, "initialize", hello).await;
    assert_eq!(hello["result"]["serverInfo"]["name"], "letsbe-gate");
    assert_eq!(hello["result"]["protocolVersion"], "2025-11-25");
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string();
    assert_eq!(server.post("/mcp", KEY, ready).await.0, 202);
    // A client that would listen for messages of ours is told that there are none.
    let client = reqwest::Client::builder().unix_socket(server.socket()).build().expect("a client");
    let listen = client.get("http://localhost/mcp").bearer_auth(KEY).header("accept", "text/event-stream");
    assert_eq!(listen.send().await.expect("a reply").status().as_u16(), 405);
    let listed = rpc(&server, "tools/list", json!({})).await;
    let tools = listed["result"]["tools"].as_array().expect("a list").clone();
    assert_eq!(tools.len(), letsbe_gate::Verb::ALL.len());
    let hints = |name: &str| {
        let tool = tools.iter().find(|tool| tool["name"] == name).expect(name);
        assert_eq!(tool["inputSchema"]["type"], "object");
        (tool["annotations"]["readOnlyHint"].as_bool(), tool["annotations"]["destructiveHint"].as_bool())
    };
    assert_eq!(hints("list_containers"), (Some(true), Some(false)));
    assert_eq!(hints("restart"), (Some(false), Some(false)));
    assert_eq!(hints("rotate"), (Some(false), Some(true)));
    assert_eq!(hints("run"), (Some(false), Some(true)));
}

#[tokio::test]
async fn calls_over_mcp_are_judged_like_all_others() {
    let server = Server::new(Autonomy::Level2);
    let logs = call(&server, "logs", json!({ "tool": "ghost", "lines": 3 })).await;
    assert_eq!(logs["structuredContent"]["status"], "done");
    assert_eq!(logs["isError"], false);
    assert!(
        logs["content"][0]["text"]
            .as_str()
            .is_some_and(|text| text.contains("SECRET_REF(ghost/admin_password)"))
    );
    let waits = call(&server, "run", json!({ "tool": "ghost", "command": ["rm", "-rf", "/x"] })).await;
    assert_eq!(waits["structuredContent"]["status"], "waiting");
    assert_eq!(waits["structuredContent"]["class"], "CRITICAL_RED");
    let id = waits["structuredContent"]["approval"].clone();
    let stands = call(&server, "approval_status", json!({ "approval": id })).await;
    assert_eq!(stands["structuredContent"]["status"], "waiting");
    let planned = call(&server, "rotate", json!({ "tool": "ghost", "plan_only": true })).await;
    assert_eq!(planned["structuredContent"]["status"], "planned");
    for (name, arguments, code) in [
        ("no_such", json!({}), "API400"),
        ("run", json!({ "tool": "ghost", "command": "ls" }), "API400"),
        ("disk", json!({ "more": 1 }), "API400"),
        ("approval_status", json!({ "approval": "01980000-0000-7000-8000-000000000000" }), "GATE003"),
    ] {
        let refused = call(&server, name, arguments).await;
        assert_eq!(
            (refused["isError"].as_bool(), refused["structuredContent"]["code"].as_str()),
            (Some(true), Some(code)),
            "{name}"
        );
    }
    let wrong = rpc(&server, "tools/call", json!({ "name": "disk", "arguments": { "tool": 7 } })).await;
    assert!(wrong["error"]["message"].as_str().is_some_and(|text| text.contains("`tool`")), "{wrong}");
    assert_eq!(server.recorder.seen().len(), 1);
}

#[tokio::test]
async fn malformed_messages_are_refused() {
    let server = Server::new(Autonomy::Level3);
    for body in ["", "x", "[]", "{}", "{\"jsonrpc\":\"2.0\"}", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}"]
    {
        let (status, _) = server.post("/mcp", KEY, body).await;
        assert!((400..500).contains(&status), "{body}: {status}");
    }
    assert!(server.recorder.seen().is_empty() && server.log().is_empty());
}
