//! The fields of a request that are let through, by form. What is not listed here is not sent.

use serde_json::{Value, value::RawValue};

use super::{Form, fields::is_null};
use crate::refusal::Refusal;

/// What is done with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Treatment {
    /// Sent as it is.
    Pass,
    /// A whole number, also when it is written with a fraction of nothing.
    Whole,
    /// Sent as it is if its schemas point to nothing outside.
    Schema,
    /// Made of the listed fields of messages, or of input items.
    Talk,
    /// Functions only.
    Tools,
    /// Written by the proxy.
    Ours,
    /// Of no use to a provider that keeps nothing; not sent.
    Drop,
}

/// What is done with a field; `None`: it is not let through.
pub(super) fn treatment(form: Form, name: &str) -> Option<Treatment> {
    if let "model" = name {
        return Some(Treatment::Ours);
    }
    match form {
        Form::Chat => chat(name),
        Form::Responses => response(name),
        Form::Embeddings => embedding(name),
    }
}

fn chat(name: &str) -> Option<Treatment> {
    Some(match name {
        "messages" => Treatment::Talk,
        "tools" => Treatment::Tools,
        "max_tokens" | "max_completion_tokens" | "stream_options" | "store" => Treatment::Ours,
        // OpenAI takes it together with `store` only.
        "metadata" => Treatment::Drop,
        "response_format" | "functions" | "guided_json" | "structured_outputs" => Treatment::Schema,
        "tool_choice" | "function_call" | "stop" | "logit_bias" | "prediction" | "modalities" | "audio" => {
            Treatment::Pass
        }
        "enable_thinking"
        | "thinking"
        | "include_reasoning"
        | "chat_template_kwargs"
        | "prompt_mode"
        | "safe_prompt"
        | "usage"
        | "logprobs"
        | "think"
        | "tool_stream"
        | "reasoning_format"
        | "reasoning_split"
        | "disable_reasoning"
        | "clear_thinking"
        | "add_generation_prompt"
        | "continue_final_message" => Treatment::Pass,
        "min_p"
        | "top_a"
        | "typical_p"
        | "repetition_penalty"
        | "length_penalty"
        | "guided_regex"
        | "guided_choice"
        | "guided_grammar"
        | "ignore_eos"
        | "skip_special_tokens"
        | "include_stop_str_in_output"
        | "do_sample"
        | "bad_words"
        | "cache_prompt"
        | "grammar"
        | "mirostat"
        | "mirostat_tau"
        | "mirostat_eta"
        | "context_length_exceeded_behavior"
        | "stop_token_ids" => Treatment::Pass,
        "n" | "random_seed" | "min_tokens" | "thinking_budget" => Treatment::Whole,
        _ => return common(name),
    })
}

fn response(name: &str) -> Option<Treatment> {
    Some(match name {
        "input" => Treatment::Talk,
        "tools" => Treatment::Tools,
        "max_output_tokens" | "store" => Treatment::Ours,
        "text" => Treatment::Schema,
        "instructions" | "tool_choice" | "truncation" | "include" | "metadata" | "stream_options" => {
            Treatment::Pass
        }
        "max_tool_calls" => Treatment::Whole,
        _ => return common(name),
    })
}

fn embedding(name: &str) -> Option<Treatment> {
    Some(match name {
        "input" | "encoding_format" | "stream" | "user" | "safety_identifier" | "input_type" | "task"
        | "truncate" | "truncation" | "normalized" | "embedding_type" | "output_dtype" => Treatment::Pass,
        "dimensions" | "output_dimension" => Treatment::Whole,
        "metadata" => Treatment::Drop,
        _ => return None,
    })
}

/// Of both forms that talk.
fn common(name: &str) -> Option<Treatment> {
    Some(match name {
        "stream" | "temperature" | "top_p" | "frequency_penalty" | "presence_penalty" => Treatment::Pass,
        "parallel_tool_calls"
        | "user"
        | "safety_identifier"
        | "prompt_cache_key"
        | "prompt_cache_retention"
        | "service_tier"
        | "reasoning"
        | "reasoning_effort"
        | "verbosity" => Treatment::Pass,
        "seed" | "top_k" | "top_logprobs" => Treatment::Whole,
        "session_id" | "user_id" | "trace" => Treatment::Drop,
        _ => return None,
    })
}

/// Whether a field that is not let through asks for nothing.
pub(super) fn is_nothing(value: &RawValue) -> bool {
    is_null(value) || matches!(value.get(), "false" | "[]")
}

/// Says why a field is not let through.
pub(super) fn refused(name: &str) -> Refusal {
    let why = match name {
        "background" | "previous_response_id" | "conversation" | "prompt" | "cached_content" => {
            "it stands on what a provider keeps; send the whole conversation"
        }
        "models" | "provider" | "route" | "fallbacks" => "who is asked is decided here; name one model",
        "plugins" | "transforms" | "web_search_options" | "search_parameters" | "web_search" => {
            "a provider would do more than answer"
        }
        _ => "it is not on the list of this address",
    };
    let shown: String = name.chars().take(100).collect();
    Refusal::not_let_through(format!("`{shown}` is not let through: {why}")).about(&shown)
}

/// Whether every reference in these schemas stays within them: a provider that follows others would fetch them.
pub(super) fn points_nowhere(value: &RawValue) -> bool {
    let text = value.get();
    if !text.contains(['$', '\\']) {
        return true;
    }
    // What is nested too deep to be read is refused by the redactor.
    serde_json::from_str(text).map_or(true, |value: Value| is_closed(&value) && is_closed_as_text(&value))
}

/// vLLM takes a schema that is written as a text, too.
fn is_closed_as_text(value: &Value) -> bool {
    let texts = [Some(value), value.get("json")].into_iter().flatten().filter_map(Value::as_str);
    texts.filter_map(|text| serde_json::from_str(text).ok()).all(|value: Value| is_closed(&value))
}

fn is_closed(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter().all(|(key, value)| {
            let is_reference = matches!(key.as_str(), "$ref" | "$dynamicRef" | "$recursiveRef");
            let is_local = !is_reference || value.as_str().is_none_or(|target| target.starts_with('#'));
            is_local && is_closed(value)
        }),
        Value::Array(items) => items.iter().all(is_closed),
        _ => true,
    }
}
