//! How the verbs are described to models.

use letsbe_gate::{Class, Verb};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

/// What a model is told about the gate.
pub(super) const INSTRUCTIONS: &str = "Acts on this server. Each call is judged: some are done at once, some wait for a \
     person. An answer with status `waiting` has an approval: go on with other work, and ask approval_status later; do not \
     repeat the call. Commands are lists of words, never text for a shell. Secrets are named SECRET_REF(tool/key) and may \
     stand in `env` and `stdin` of `run` only; nobody can show you their values.";

const fn described(verb: Verb) -> &'static str {
    match verb {
        Verb::ListContainers => "Lists all containers with image, state and health.",
        Verb::ListTools => {
            "Lists the tools on this server with their services, and the classes of these verbs."
        }
        Verb::Status => "Tells the autonomy level, how many approvals wait, and the head of the log.",
        Verb::Logs => "Shows the last lines that a tool's container has written.",
        Verb::Disk => "Tells how full the disk is, and with what.",
        Verb::Audit => "Lists SSH logins, banned addresses, and containers that run as root or privileged.",
        Verb::ApprovalStatus => "Tells how an approval stands, and the result once it is done.",
        Verb::Restart => "Restarts a tool's containers.",
        Verb::Rotate => "Gives a tool new secrets.",
        Verb::OpenclawUpdate => "Moves the AI runtime to another version.",
        Verb::Run => "Runs a program in a tool's container, or one of a short list on the server itself.",
        Verb::Backup => "Makes a backup now, of one tool or of everything; this takes minutes.",
        Verb::Restore => {
            "Puts a tool back to its backup of a day. What was changed in it since then is gone from it; its present \
             data is backed up first, and a person can undo it for 7 days."
        }
        Verb::Update => "Moves a tool to a newer version. Not part of this version yet.",
    }
}

/// The arguments of a verb, and which of them are needed.
fn properties(verb: Verb) -> (Value, &'static [&'static str]) {
    let tool = json!({ "type": "string", "description": "Name of the tool, see list_tools" });
    let service = json!({ "type": "string", "description": "Which of the tool's services; else the first" });
    match verb {
        Verb::ListContainers | Verb::ListTools | Verb::Status | Verb::Disk | Verb::Audit => (json!({}), &[]),
        Verb::Logs => {
            let lines = json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 });
            (json!({ "tool": tool, "service": service, "lines": lines }), &["tool"])
        }
        Verb::ApprovalStatus => {
            (json!({ "approval": { "type": "string", "format": "uuid" } }), &["approval"])
        }
        Verb::Restart | Verb::Rotate | Verb::Update => (json!({ "tool": tool }), &["tool"]),
        Verb::OpenclawUpdate => {
            (json!({ "to": { "type": "string", "description": "Version, `v2026.10`" } }), &["to"])
        }
        Verb::Backup => (json!({ "tool": tool }), &[]),
        Verb::Restore => {
            (json!({ "tool": tool, "date": { "type": "string", "format": "date" } }), &["tool", "date"])
        }
        Verb::Run => {
            let words = "Program and arguments, each a word of its own: [\"ls\", \"-l\"]";
            let properties = json!({
                "tool": { "type": "string", "description": "In whose container; without it, on the server itself" },
                "service": service,
                "command": {
                    "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": 64, "description": words,
                },
                "env": {
                    "type": "object", "additionalProperties": { "type": "string" },
                    "description": "Variables; values may hold SECRET_REF(tool/key) of this tool",
                },
                "stdin": { "type": "string", "description": "What the program reads; may hold SECRET_REF(tool/key)" },
                "timeout": { "type": "integer", "minimum": 1, "maximum": 300, "default": 60 },
            });
            (properties, &["command"])
        }
    }
}

/// A verb as MCP describes tools.
pub(super) fn tool(verb: Verb, class: Class) -> Tool {
    let (mut properties, required) = properties(verb);
    if let Some(properties) = properties.as_object_mut()
        && verb != Verb::ApprovalStatus
    {
        let only = "Only say what would be done and whether it would wait";
        properties.insert(
            "plan_only".to_owned(),
            json!({ "type": "boolean", "default": false, "description": only }),
        );
        let given = "The approval that this very call was given";
        properties.insert(
            "approval".to_owned(),
            json!({ "type": "string", "format": "uuid", "description": given }),
        );
    }
    let schema = json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    });
    let Value::Object(schema) = schema else {
        return Tool::new(verb.name(), described(verb), JsonObject::new());
    };
    let reads = class == Class::Green && verb != Verb::Run;
    let annotations = ToolAnnotations::new()
        .read_only(reads)
        .destructive(!reads && (verb == Verb::Run || class >= Class::Red))
        .open_world(verb == Verb::Run);
    let mut tool = Tool::new(verb.name(), described(verb), schema);
    tool.annotations = Some(annotations);
    tool
}
