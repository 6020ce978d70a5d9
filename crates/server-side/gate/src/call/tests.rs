use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Action, Call, Verb, fingerprint};

fn fields(verb: &str, tool: Option<&str>, arguments: Value) -> Vec<String> {
    let invalid = Call::parse("it-admin", verb, tool, arguments).expect_err("refused");
    invalid.0.into_iter().map(|fault| fault.field).collect()
}

#[test]
fn a_command_is_a_list_of_words_and_never_a_text() {
    assert_eq!(fields("run", Some("ghost"), json!({ "command": "ls -l" })), ["arguments.command"]);
    let invalid = Call::parse("a", "run", None, json!({ "command": "ls -l" })).expect_err("refused");
    assert!(invalid.0[0].message.contains("list of words"), "{invalid:?}");
    let call = Call::parse("a", "run", Some("ghost"), json!({ "command": ["ls", "-l"] })).expect("reads");
    assert!(matches!(call.action, Action::Run(run) if run.command == ["ls", "-l"] && run.timeout == 60));
}

#[test]
fn every_wrong_field_is_named() {
    for (verb, tool, arguments, wanted) in [
        ("destroy", None, json!({}), "verb"),
        ("restart", None, json!({}), "tool"),
        ("restart", Some("../x"), json!({}), "tool"),
        ("restart", Some("-x"), json!({}), "tool"),
        ("disk", Some("ghost"), json!({}), "tool"),
        ("restart", Some("ghost"), json!({ "force": true }), "arguments.force"),
        ("logs", Some("ghost"), json!({ "lines": 1001 }), "arguments.lines"),
        ("logs", Some("ghost"), json!({ "lines": 0 }), "arguments.lines"),
        ("logs", Some("ghost"), json!({ "lines": "many" }), "arguments.lines"),
        ("logs", Some("ghost"), json!({ "service": "a b" }), "arguments.service"),
        ("run", None, json!({ "command": [] }), "arguments.command"),
        ("run", None, json!({ "command": ["--help"] }), "arguments.command"),
        ("run", None, json!({ "command": ["a", 7] }), "arguments.command[1]"),
        ("run", None, json!({ "command": ["a", "x\u{0}"] }), "arguments.command"),
        ("run", None, json!({ "command": vec!["a"; 65] }), "arguments.command"),
        ("run", None, json!({ "command": ["a", "b".repeat(9_000)] }), "arguments.command"),
        ("run", None, json!({ "command": ["a"], "timeout": 301 }), "arguments.timeout"),
        ("run", None, json!({ "command": ["a"], "env": { "A B": "" } }), "arguments.env"),
        ("run", None, json!({ "command": ["a"], "env": { "A": 1 } }), "arguments.env.A"),
        ("run", Some("ghost"), json!({ "command": ["a", "SECRET_REF(ghost/a)"] }), "arguments.command"),
        ("approval_status", None, json!({ "approval": "x" }), "arguments.approval"),
        ("openclaw_update", None, json!({ "to": "--force" }), "arguments.to"),
        ("disk", None, json!([]), "arguments"),
    ] {
        assert!(fields(verb, tool, arguments.clone()).contains(&wanted.to_owned()), "{verb} {arguments}");
    }
    assert!(Call::parse("a b", "disk", None, json!({})).is_err());
}

/// Models in strict mode send every field, and programs in JavaScript and Lua write 3.0.
#[test]
fn a_null_is_as_if_absent_and_a_whole_number_is_one() {
    let read = |verb: &str, tool, arguments| Call::parse("a", verb, tool, arguments).expect("reads");
    for arguments in
        [json!({}), json!(null), json!({ "service": null, "lines": null }), json!({ "lines": 100.0 })]
    {
        assert_eq!(
            read("logs", Some("ghost"), arguments.clone()),
            read("logs", Some("ghost"), json!({ "lines": 100 })),
            "{arguments}"
        );
    }
    let nulls = json!({ "command": ["ls"], "env": null, "stdin": null, "timeout": 6e1, "service": null });
    let plain = read("run", Some("ghost"), json!({ "command": ["ls"] }));
    assert_eq!(read("run", Some("ghost"), nulls), plain);
    assert_eq!(read("disk", None, json!({ "more": null })), read("disk", None, json!({})));
    for arguments in [json!({ "lines": 2.5 }), json!({ "lines": 1e300 }), json!({ "lines": "100" })] {
        assert_eq!(fields("logs", Some("ghost"), arguments.clone()), ["arguments.lines"], "{arguments}");
    }
}

#[test]
fn a_fingerprint_is_for_exactly_one_call() {
    let call = |agent: &str, command: Value| {
        fingerprint(&Call::parse(agent, "run", Some("ghost"), json!({ "command": command })).expect("reads"))
    };
    let one = call("a", json!(["rm", "x y"]));
    assert_eq!(one, call("a", json!(["rm", "x y"])));
    assert_ne!(one, call("a", json!(["rm", "x", "y"])));
    assert_ne!(one, call("b", json!(["rm", "x y"])));
}

#[test]
fn verbs_are_written_one_way() {
    for verb in Verb::ALL {
        assert_eq!(serde_json::to_value(verb).expect("writes"), json!(verb.name()));
        assert_eq!(Verb::named(verb.name()), Some(verb));
    }
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let field = prop_oneof!["(command|env|stdin|timeout|service|lines|approval|to|date)", any::<String>()];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((field.clone(), inner), 0..6)
                .prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

proptest! {
    /// Whatever comes in is read or refused by the name of a field.
    #[test]
    fn no_call_makes_the_gate_panic(agent in any::<String>(), verb in 0..14_usize, tool in proptest::option::of("[a-z.-]{0,8}"), arguments in anything()) {
        for (agent, verb) in [(agent.as_str(), Verb::ALL[verb].name()), ("a", Verb::ALL[verb].name()), ("a", "run")] {
            match Call::parse(agent, verb, tool.as_deref(), arguments.clone()) {
                Ok(call) => prop_assert!(!crate::plan(&call).is_empty() && fingerprint(&call).len() == 64),
                Err(invalid) => prop_assert!(!invalid.0.is_empty()),
            }
        }
    }
}
