//! Refusals: whose fault they are is not in the status.

use super::{Dialect, Instead, Outcome, Way};

const JSON: &str = "application/json";

const fn next(
    name: &'static str,
    who: &'static str,
    what: &'static str,
    status: u16,
    body: &'static str,
) -> Dialect {
    let way = Way::Instead(Instead { status, content_type: JSON, body });
    Dialect { name, who, what, outcome: Outcome::Next, way }
}

const fn callers(
    name: &'static str,
    who: &'static str,
    what: &'static str,
    status: u16,
    body: &'static str,
) -> Dialect {
    let way = Way::Instead(Instead { status, content_type: JSON, body });
    Dialect { name, who, what, outcome: Outcome::Refusal(status), way }
}

const fn unknown(
    name: &'static str,
    who: &'static str,
    what: &'static str,
    field: &'static str,
    (status, body): (u16, &'static str),
) -> Dialect {
    let way = Way::Unknown(field, Instead { status, content_type: JSON, body });
    Dialect { name, who, what, outcome: Outcome::Answer, way }
}

pub(super) const ALL: &[Dialect] = &[
    next(
        "key-400",
        "Gemini",
        "a dead key is 400, in a list",
        400,
        r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}]"#,
    ),
    next(
        "key-401",
        "OpenAI",
        "a dead key is 401",
        401,
        r#"{"error":{"message":"Incorrect API key provided: sk-x.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
    ),
    next(
        "key-422",
        "gateways",
        "a dead key is 422",
        422,
        r#"{"error":{"message":"invalid","type":"authentication_error"}}"#,
    ),
    next(
        "credit-429",
        "OpenAI",
        "an empty account is 429",
        429,
        r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
    ),
    next(
        "credit-400",
        "Anthropic",
        "an empty account is 400",
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#,
    ),
    next(
        "credit-402",
        "DeepSeek",
        "an empty account is 402",
        402,
        r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#,
    ),
    next(
        "arrears-400",
        "Qwen",
        "an account in arrears is 400",
        400,
        r#"{"error":{"code":"Arrearage","message":"Access denied, please make sure your account is in good standing.","type":"Arrearage","param":null}}"#,
    ),
    next(
        "closed-400",
        "Anthropic",
        "a closed account is 400",
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"This organization has been disabled."}}"#,
    ),
    next(
        "suspended-400",
        "Moonshot",
        "a suspended account is 400",
        400,
        r#"{"error":{"message":"Your account is suspended, please check your plan","type":"exceeded_current_quota_error"}}"#,
    ),
    next(
        "region-400",
        "Gemini",
        "a region that is not served is 400",
        400,
        r#"[{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}]"#,
    ),
    next(
        "region-403",
        "OpenAI",
        "a region that is not served is 403",
        403,
        r#"{"error":{"code":"unsupported_country_region_territory","message":"Country, region, or territory not supported","param":null,"type":"request_forbidden"}}"#,
    ),
    next(
        "model-400",
        "OpenRouter",
        "an unknown model is 400",
        400,
        r#"{"error":{"message":"model-one is not a valid model ID","code":400},"user_id":"u"}"#,
    ),
    next(
        "model-404",
        "vLLM",
        "an unknown model is 404",
        404,
        r#"{"object":"error","message":"The model `model-one` does not exist.","type":"NotFoundError","param":null,"code":404}"#,
    ),
    next(
        "model-gone-400",
        "Groq",
        "a model that was taken away is 400",
        400,
        r#"{"error":{"message":"The model `model-one` has been decommissioned and is no longer supported.","type":"invalid_request_error","code":"model_decommissioned"}}"#,
    ),
    next(
        "behind-400",
        "OpenRouter",
        "what the provider behind it said is text inside the error",
        400,
        r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"error\":{\"message\":\"no\",\"code\":\"invalid_api_key\"}}","provider_name":"x"}}}"#,
    ),
    next(
        "rate-413",
        "Groq",
        "too many tokens a minute are 413",
        413,
        r#"{"error":{"message":"Request too large for model `model-one` on tokens per minute (TPM): Limit 6000","type":"tokens","code":"rate_limit_exceeded"}}"#,
    ),
    next(
        "overloaded-529",
        "Anthropic",
        "overloaded is 529",
        529,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
    ),
    next(
        "capacity-498",
        "Groq",
        "no capacity is 498",
        498,
        r#"{"error":{"message":"capacity exceeded","type":"capacity_exceeded"}}"#,
    ),
    Dialect {
        name: "page-400",
        who: "nginx, Cloudflare",
        what: "400 with a page: something before the model refuses",
        outcome: Outcome::Next,
        way: Way::Instead(Instead {
            status: 400,
            content_type: "text/html",
            body: "<html><head><title>400 Bad Request</title></head></html>",
        }),
    },
    next(
        "key-400-quoted",
        "xAI",
        "a dead key is 400, the error a text",
        400,
        r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xa***yz."}"#,
    ),
    next(
        "key-400-in-errors",
        "Cloudflare",
        "a dead key is 400, in a list of errors",
        400,
        r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"result":null}"#,
    ),
    next(
        "key-400-in-one-word",
        "Qwen, small gateways",
        "codes without `_`, messages with `-`",
        400,
        r#"{"code":"InvalidApiKey","message":"Invalid API-key provided.","request_id":"r"}"#,
    ),
    next(
        "key-400-by-number",
        "Baidu",
        "`error_code` and `error_msg`",
        400,
        r#"{"error_code":110,"error_msg":"Access token invalid or no longer valid"}"#,
    ),
    next(
        "balance-400",
        "SiliconFlow",
        "an empty account is 400, in a bare object",
        400,
        r#"{"code":30001,"message":"Sorry, your account balance is insufficient","data":null}"#,
    ),
    next(
        "suspended-412",
        "Fireworks",
        "a suspended account is 412",
        412,
        r#"{"error":{"object":"error","type":"invalid_request_error","message":"Account x is not active"}}"#,
    ),
    next("dependency-424", "gateways", "what it stands on has failed: 424", 424, r#"{"detail":"failed"}"#),
    next("not-acceptable-406", "gateways", "our headers are refused: 406", 406, ""),
    next(
        "model-400-identifier",
        "Amazon Bedrock",
        "an unknown model is 400, without a code",
        400,
        r#"{"message":"The provided model identifier is invalid."}"#,
    ),
    next(
        "spoilt-400",
        "Groq",
        "what the model wrote is no call of a tool: 400",
        400,
        r#"{"error":{"message":"Failed to call a function. Please adjust your prompt.","type":"invalid_request_error","code":"tool_use_failed","failed_generation":"<x>"}}"#,
    ),
    next(
        "unable-400",
        "Ollama",
        "the model takes no tools, or no images: another may",
        400,
        r#"{"error":{"message":"registry.ollama.ai/library/x:latest does not support tools","type":"api_error"}}"#,
    ),
    next(
        "too-large-413",
        "nginx",
        "the body is too long for it: another may take it",
        413,
        "<html>413</html>",
    ),
    next(
        "too-long",
        "OpenAI",
        "the conversation is too long for the model: another may take it",
        400,
        r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
    ),
    callers(
        "bad-schema",
        "OpenAI",
        "a function's schema is wrong, and its name quoted",
        400,
        r#"{"error":{"message":"Invalid schema for function 'get_billing_details': 'api key' is not valid","type":"invalid_request_error","param":null,"code":"invalid_function_parameters"}}"#,
    ),
    callers(
        "bad-field-in-a-list",
        "Gemini",
        "a list with an error",
        400,
        r#"[{"error":{"code":400,"message":"Invalid value at 'temperature'","status":"INVALID_ARGUMENT"}}]"#,
    ),
    callers(
        "bad-field-detail",
        "Mistral",
        "`detail` with places",
        422,
        r#"{"object":"error","message":{"detail":[{"type":"missing","loc":["body","messages"],"msg":"Field required"}]},"type":"invalid_request_error","param":null,"code":null}"#,
    ),
    callers(
        "bad-field-bare",
        "vLLM",
        "an error object without `error`",
        400,
        r#"{"object":"error","message":"temperature must be non-negative","type":"BadRequestError","param":null,"code":400}"#,
    ),
    callers(
        "bad-field-plain",
        "small servers",
        "the refusal is plain text",
        400,
        "temperature must be positive\n",
    ),
    callers(
        "bad-field-in-errors",
        "Cloudflare",
        "a list of errors",
        400,
        r#"{"success":false,"errors":[{"code":5006,"message":"must have required property"}]}"#,
    ),
    callers("bad-field-text", "Ollama", "the error is a text", 400, r#"{"error":"invalid temperature"}"#),
    unknown(
        "newer-word-for-the-bound",
        "OpenAI (o-series and later)",
        "`max_tokens` is refused, `max_completion_tokens` wanted",
        "max_tokens",
        (
            400,
            r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}"#,
        ),
    ),
    unknown(
        "no-usage-wish-otherwise",
        "small servers",
        "`stream_options` is refused in other words",
        "stream_options",
        (400, r#"{"message":"stream_options is not a valid parameter for this endpoint"}"#),
    ),
    unknown(
        "no-usage-wish",
        "older Mistral and vLLM",
        "`stream_options` is refused",
        "stream_options",
        (
            422,
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted","input":{"include_usage":true}}]}"#,
        ),
    ),
];
