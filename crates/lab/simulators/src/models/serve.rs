//! Takes requests, keeps them, and answers as it was told to.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, State as Shared},
    http::{HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use futures::{Stream, StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    Answer, Fault, Message, Request, State,
    dialects::{self, Instead, Way},
    events, locked,
    shapes::{self, Form, Used},
    wire::{Broken, Tapped},
};

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, state: Arc<State>) {
    let tapped = Tapped { listener, wire: Arc::clone(&state.wire) };
    let router = Router::new().fallback(take).with_state(state);
    let service = router.into_make_service_with_connect_info::<Broken>();
    if let Err(error) = axum::serve(tapped, service).await {
        tracing::error!(%error, "the model simulator ended");
    }
}

async fn take(
    Shared(state): Shared<Arc<State>>,
    ConnectInfo(connection): ConnectInfo<Broken>,
    parts: Parts,
    body: Bytes,
) -> Response {
    let request = keep(&state, &parts, &body);
    let fault = {
        let mut faults = locked(&state.faults);
        faults.next.pop_front().or_else(|| faults.always.clone())
    };
    match fault {
        Some(Fault::Drop) => {
            connection.set();
            return StatusCode::OK.into_response();
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::SlowFirstByte(wait)) => tokio::time::sleep(wait).await,
        Some(Fault::Status { status, retry_after }) => return failure(status, retry_after),
        Some(Fault::Malformed) => return Json(json!({ "choices": "none of your business" })).into_response(),
        Some(Fault::Dialect(name)) => {
            if let Some(instead) = refused(name, &request) {
                return instead;
            }
        }
        _ => {}
    }
    if parts.method == Method::GET {
        return models(&parts.uri);
    }
    let Some(form) = Form::of(&request.path) else { return failure(404, None) };
    match answer(&state, &request) {
        Answer::Raw { status, content_type, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
        }
        Answer::Message(message) => speak(form, &request, &message, fault.as_ref()),
    }
}

/// What a dialect has instead of an answer to this request.
fn refused(name: &str, request: &Request) -> Option<Response> {
    let Instead { status, content_type, body } = match dialects::named(name)?.way {
        Way::Instead(instead) => instead,
        Way::Unknown(field, instead) if !request.json()[field].is_null() => instead,
        _ => return None,
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Some((status, [(header::CONTENT_TYPE, content_type)], body).into_response())
}

fn keep(state: &State, parts: &Parts, body: &Bytes) -> Request {
    let header = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let request = Request {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        headers: parts.headers.iter().map(header).collect(),
        body: body.to_vec(),
    };
    locked(&state.requests).push(request.clone());
    request
}

fn answer(state: &State, request: &Request) -> Answer {
    if let Some(answer) = locked(&state.queue).pop_front() {
        return answer;
    }
    let script = locked(&state.script).clone();
    script.map_or_else(|| Answer::text("ok"), |script| script(request))
}

fn models(uri: &Uri) -> Response {
    let model = json!({ "id": "sim", "object": "model", "created": 1_760_000_000, "owned_by": "lab" });
    match uri.path().split_once("/models") {
        Some((_, "")) => Json(json!({ "object": "list", "data": [model] })).into_response(),
        Some(_) => Json(model).into_response(),
        None => failure(404, None),
    }
}

fn failure(status: u16, retry_after: Option<u64>) -> Response {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let error = json!({ "message": "the simulator was told to fail", "type": "sim", "code": status });
    let mut response = (code, Json(json!({ "error": error }))).into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn speak(form: Form, request: &Request, message: &Message, fault: Option<&Fault>) -> Response {
    let body = request.json();
    let way = match fault {
        Some(Fault::Dialect(name)) => dialects::named(name).map(|dialect| dialect.way),
        Some(Fault::Swapped(_)) => Some(Way::Swapped),
        _ => None,
    };
    let fault = if let Some(Fault::Swapped(other)) = fault { Some(&**other) } else { fault };
    let used = match fault {
        Some(Fault::WrongUsage) => Used::Nonsense,
        Some(Fault::NoUsage) => Used::Unsaid,
        _ => counted(request, message),
    };
    let model = request.model();
    let is_swapped = matches!(way, Some(Way::Swapped));
    let kind = |usual: &'static str| if let Some(Way::Type(other)) = way { other } else { usual };
    if (body["stream"] == Value::Bool(true)) == is_swapped {
        let mut whole = shapes::whole(form, &model, message, used);
        if let Some(Way::Whole(change)) = way {
            whole = change(whole);
        }
        let whole = whole.to_string();
        let half = whole.len() / 2;
        return match fault {
            Some(Fault::CutAfter(_) | Fault::StallAfter(_)) => {
                streamed("application/json", vec![whole[..half].to_owned()], fault)
            }
            _ => streamed(kind("application/json"), vec![whole], fault),
        };
    }
    let told =
        form == Form::Responses || is_swapped || body["stream_options"]["include_usage"] == Value::Bool(true);
    let mut events = events::events(form, &model, message, told.then_some(used));
    if let Some(Fault::CutAfter(count) | Fault::StallAfter(count) | Fault::CommentsAfter(count)) = fault {
        events.truncate(*count);
    }
    if let Some(Way::Stream(change)) = way {
        events = change(events);
    }
    streamed(kind("text/event-stream"), events, fault)
}

/// Sends the pieces one by one, and then what the fault asks for.
fn streamed(content_type: &'static str, pieces: Vec<String>, fault: Option<&Fault>) -> Response {
    let pieces = stream::iter(pieces).then(|piece| async move {
        // A chunk of its own for each piece.
        tokio::task::yield_now().await;
        Ok(Bytes::from(piece))
    });
    let cut = || {
        stream::once(async {
            // The last piece has left by then.
            tokio::task::yield_now().await;
            Err(std::io::Error::other("cut on purpose"))
        })
    };
    let body = match fault {
        Some(Fault::CutAfter(_)) => Body::from_stream(pieces.chain(cut())),
        Some(Fault::StallAfter(_)) => Body::from_stream(pieces.chain(stream::pending())),
        Some(Fault::CommentsAfter(_)) => {
            Body::from_stream(pieces.chain(slowly(b": OPENROUTER PROCESSING\n\n")))
        }
        Some(Fault::BlankLinesFirst(wait)) => {
            Body::from_stream(slowly(b"\n").take_until(tokio::time::sleep(*wait)).chain(pieces))
        }
        _ => Body::from_stream(pieces),
    };
    let mut response = Response::new(body);
    if !content_type.is_empty() {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    response
}

/// This again and again.
fn slowly(piece: &'static [u8]) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    stream::repeat(piece).then(|piece| async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(Bytes::from_static(piece))
    })
}

/// What was said, or four characters to a token.
fn counted(request: &Request, message: &Message) -> Used {
    let (input, output) = message.usage.unwrap_or_else(|| {
        let calls: usize = message.tool_calls.iter().map(|call| call.arguments.to_string().len()).sum();
        let said = message.text.iter().map(String::len).sum::<usize>() + calls;
        ((request.body.len() / 4 + 1) as u64, (said / 4 + 1) as u64)
    });
    Used::Tokens(input, output)
}
