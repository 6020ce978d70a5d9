use letsbe_types::tenant::Autonomy;
use serde_json::{Value, json};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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
    for (body, code) in [
        ("", -32_700),
        ("x", -32_700),
        ("{\"jsonrpc\":\"2.0\"", -32_700),
        ("[]", -32_600),
        ("{}", -32_600),
        ("{\"jsonrpc\":\"2.0\"}", -32_600),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", -32_600),
        ("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}]", -32_600),
    ] {
        let (status, answer) = server.post("/mcp", KEY, body).await;
        assert_eq!((status, answer["error"]["code"].as_i64()), (400, Some(code)), "{body}: {answer}");
        assert_eq!((&answer["jsonrpc"], answer.get("id").is_some()), (&json!("2.0"), true), "{body}");
    }
    assert!(server.recorder.seen().is_empty() && server.log().is_empty());
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_by_its_number() {
    let server = Server::new(Autonomy::Level3);
    for (method, parameters, code) in [
        ("tools/call", json!({}), -32_602),
        ("tools/call", json!(null), -32_602),
        ("tools/call", json!([]), -32_602),
        ("tools/call", json!({ "name": 7 }), -32_602),
        ("tools/call", json!({ "name": "disk", "_meta": 7 }), -32_602),
        ("tools/call", json!({ "name": "disk", "arguments": "none" }), -32_602),
        ("tools/call", json!({ "name": "disk", "arguments": { "plan_only": "yes" } }), -32_602),
        ("tools/call", json!({ "name": "disk", "arguments": { "approval": 7 } }), -32_602),
        ("prompts/list", json!({}), -32_601),
        ("prompts/get", json!({ "name": "x" }), -32_601),
        ("resources/list", json!({}), -32_601),
        ("resources/templates/list", json!({}), -32_601),
        ("resources/read", json!({ "uri": "x:y" }), -32_601),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "x" }, "argument": { "name": "a", "value": "b" } }),
            -32_601,
        ),
        ("logging/setLevel", json!({ "level": "info" }), -32_601),
        ("no/such", json!({}), -32_601),
        ("tools/Call", json!({}), -32_601),
    ] {
        let answer = rpc(&server, method, parameters.clone()).await;
        assert_eq!(answer["error"]["code"], code, "{method} {parameters}: {answer}");
        assert_eq!(answer["id"], 1);
    }
    assert!(server.recorder.seen().is_empty() && server.log().is_empty());
}

/// One request, written by hand.
async fn raw(server: &Server, path: &str, headers: &str, body: &str) -> (String, String) {
    let mut stream = tokio::net::UnixStream::connect(server.socket()).await.expect("a connection");
    let request = format!(
        "POST {path} HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_lowercase(), body.to_owned())
}

#[tokio::test]
async fn foreign_names_and_pages_are_refused_and_whoever_takes_json_gets_json() {
    let server = Server::new(Autonomy::Level1);
    let ask = json!({ "jsonrpc": "2.0", "id": 1.0, "method": "tools/list" }).to_string();
    for (headers, status) in [
        ("Host: letsbe-secrets-proxy:8100\r\nAccept: application/json\r\n", 200),
        ("Host: letsbe-secrets-proxy:8100\r\nAccept: */*\r\n", 200),
        ("Host: letsbe-secrets-proxy:8100\r\n", 200),
        ("Host: 127.0.0.1:8100\r\nAccept: text/event-stream, application/json\r\n", 200),
        ("Host: localhost\r\nOrigin: http://localhost:18789\r\n", 200),
        ("Host: localhost\r\nAccept: text/event-stream\r\n", 406),
        ("Host: evil.example\r\n", 403),
        ("Host: letsbe-secrets-proxy.evil.example\r\n", 403),
        ("Host: localhost\r\nOrigin: https://evil.example\r\n", 403),
        ("Host: localhost\r\nOrigin: http://localhost.evil.example\r\n", 403),
        ("Host: localhost\r\nOrigin: null\r\n", 403),
        ("Host: localhost\r\nOrigin: x\r\n", 403),
    ] {
        let (head, body) = raw(&server, "/mcp", headers, &ask).await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{headers}: {head}");
        if status == 200 {
            assert!(head.contains("content-type: application/json"), "{headers}: {head}");
            let answer: Value = serde_json::from_str(&body).expect("JSON");
            assert!(answer["result"]["tools"].is_array() && answer["id"] == 1, "{headers}: {body}");
        }
    }
}

#[tokio::test]
async fn foreign_names_and_pages_are_refused_at_the_plain_door_too_and_begin_nothing() {
    let server = Server::new(Autonomy::Level3);
    let ask = json!({ "agent": "a", "verb": "disk" }).to_string();
    for headers in [
        "Host: evil.example\r\n",
        "Host: letsbe-secrets-proxy.evil.example:8100\r\n",
        "Host: localhost\r\nHost: evil.example\r\n",
        "Host: localhost\r\nOrigin: http://evil.example\r\n",
        "Host: localhost\r\nOrigin: null\r\n",
        "",
    ] {
        let (head, _) = raw(&server, "/api/v1/tools/execute", headers, &ask).await;
        assert!(head.starts_with("http/1.1 40"), "{headers}: {head}");
    }
    assert!(server.recorder.seen().is_empty() && server.log().is_empty());
    for headers in
        ["Host: letsbe-secrets-proxy:8100\r\n", "Host: 127.0.0.1:8100\r\nOrigin: http://localhost:18789\r\n"]
    {
        let (head, body) = raw(&server, "/api/v1/tools/execute", headers, &ask).await;
        assert!(head.starts_with("http/1.1 200"), "{headers}: {head} {body}");
    }
}

#[tokio::test]
async fn a_null_is_as_if_absent_and_a_whole_number_is_one_however_it_is_written() {
    let server = Server::new(Autonomy::Level1);
    let nulls = json!({ "tool": null, "plan_only": null, "approval": null });
    assert_eq!(call(&server, "disk", nulls).await["structuredContent"]["status"], "done");
    let lines = json!({ "tool": "ghost", "lines": 3.0, "service": null, "plan_only": null });
    let logs = call(&server, "logs", lines).await;
    assert_eq!(logs["structuredContent"]["status"], "done", "{logs}");
    let none = rpc(&server, "tools/call", json!({ "name": "disk", "arguments": null })).await;
    assert_eq!(none["result"]["structuredContent"]["status"], "done", "{none}");
    // The plain door takes the same.
    for arguments in
        [json!(null), json!({}), json!({ "service": null, "lines": 3.0 }), json!({ "lines": null })]
    {
        let body = json!({ "agent": "a", "verb": "logs", "tool": "ghost", "arguments": arguments, "plan_only": null,
                           "approval": null });
        let (status, answer) = server.post("/api/v1/tools/execute", KEY, body.to_string()).await;
        assert_eq!((status, &answer["data"]["status"]), (200, &json!("done")), "{answer}");
    }
}

#[tokio::test]
async fn clients_of_every_version_and_spelling_are_answered() {
    let server = Server::new(Autonomy::Level1);
    let host = "Host: letsbe-secrets-proxy:8100\r\n";
    for (path, headers) in [
        ("/mcp", "MCP-Protocol-Version: 2024-11-05\r\n"),
        ("/mcp", "MCP-Protocol-Version: 2025-03-26\r\n"),
        ("/mcp", "mcp-protocol-version: 2025-06-18\r\n"),
        ("/mcp", "MCP-Protocol-Version: 2025-11-25\r\nMcp-Session-Id: of-another-life\r\n"),
        ("/mcp", "Accept: text/html;q=0.9, APPLICATION/JSON;q=0.1\r\n"),
        ("/mcp", "Accept: application/json\r\nAccept: text/event-stream\r\n"),
        ("/mcp", "Accept: text/event-stream;q=0, */*;q=0.1\r\n"),
        ("/mcp/", ""),
        ("/mcp?x=1", ""),
    ] {
        for id in [json!(7), json!("seven"), json!(-7), json!(0), json!("")] {
            let ask =
                json!({ "jsonrpc": "2.0", "id": id, "method": "tools/list", "params": { "cursor": null } });
            let (head, body) = raw(&server, path, &format!("{host}{headers}"), &ask.to_string()).await;
            assert!(head.starts_with("http/1.1 200"), "{path} {headers}: {head}{body}");
            let answer: Value = serde_json::from_str(&body).expect("JSON");
            assert!(answer["result"]["tools"].is_array() && answer["id"] == id, "{headers}: {body}");
        }
    }
    for host in ["LETSBE-SECRETS-PROXY:8100", "LocalHost", "[::1]:8100"] {
        let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
        let headers = format!("Host: {host}\r\nOrigin: http://{host}\r\n");
        let (head, _) = raw(&server, "/mcp", &headers, &ping).await;
        assert!(head.starts_with("http/1.1 200"), "{host}: {head}");
    }
    let client = json!({ "name": "test", "version": "1" });
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2099-01-01", ""] {
        let hello = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": client });
        let hello = rpc(&server, "initialize", hello).await;
        assert!(hello["result"]["protocolVersion"].is_string(), "{version}: {hello}");
    }
}

/// What has no number is answered by nobody, so it does nothing either.
#[tokio::test]
async fn a_call_without_a_number_does_nothing() {
    let server = Server::new(Autonomy::Level3);
    let called = json!({ "name": "restart", "arguments": { "tool": "ghost" } });
    for message in [
        json!({ "jsonrpc": "2.0", "method": "tools/call", "params": called }),
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1, "reason": "x" } }),
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled" }),
        json!({ "jsonrpc": "2.0", "method": "notifications/nobody_knows", "params": {} }),
        json!({ "jsonrpc": "2.0", "id": 1, "result": { "name": "restart" } }),
        json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": 1, "message": "x" } }),
    ] {
        let (status, answer) = server.post("/mcp", KEY, message.to_string()).await;
        assert!((200..500).contains(&status), "{message}: {status} {answer}");
        assert!(answer.get("result").is_none(), "{message}: {answer}");
    }
    assert!(server.recorder.seen().is_empty() && !server.log().contains("restart"), "{}", server.log());
}
