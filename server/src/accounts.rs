//! Devices and accounts: register, link, list, revoke, remove. Registering needs nobody's name.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use keyflow_sync::error::FieldError;
use keyflow_sync::stamp::Millis;
use keyflow_sync::wire::Account;
use serde_json::{Value, json};

use crate::app::{App, ClientAddress, JsonBody};
use crate::auth::{new_code, new_token, typed_code};
use crate::error::Problem;
use crate::store::{NewDevice, Principal};

/// How long a link code is good for, in ms.
const CODE_LIFE: Millis = 10 * 60_000;
const MAX_NAME_BYTES: usize = 200;

/// `POST /api/devices`: a new user with this device as its first.
pub async fn register(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    JsonBody(body): JsonBody,
) -> Result<(StatusCode, Json<Account>), Problem> {
    app.limits.sign_in.check(&address)?;
    let name = name(&body)?;
    let (token, digest) = new_token()?;
    let principal = app.store.register(app.config.clock.now(), NewDevice { name, token: digest }).await?;
    Ok((StatusCode::CREATED, account(principal, token)))
}

/// `POST /api/devices/link-codes`: a code that lets another device join this user once.
pub async fn link_code(State(app): State<App>, who: Principal) -> Result<(StatusCode, Json<Value>), Problem> {
    let (code, digest) = new_code()?;
    let now = app.config.clock.now();
    app.store.add_link_code(&who.user, now, &digest, now + CODE_LIFE).await?;
    Ok((StatusCode::CREATED, Json(json!({ "code": code, "expiresAt": now + CODE_LIFE }))))
}

/// `POST /api/devices/link`: joins the user of a code.
pub async fn link(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    JsonBody(body): JsonBody,
) -> Result<(StatusCode, Json<Account>), Problem> {
    app.limits.sign_in.check(&address)?;
    let name = name(&body)?;
    let code = match body.get("code") {
        Some(Value::String(code)) => code,
        Some(_) => return Err(FieldError::new("code", "must be a text").into()),
        None => return Err(FieldError::new("code", "is missing").into()),
    };
    let (token, digest) = new_token()?;
    let linked = match typed_code(code) {
        Some(code) => {
            app.store.link(app.config.clock.now(), &code, NewDevice { name, token: digest }).await?
        }
        None => None,
    };
    let refused = || {
        let why = "the code is unknown, used or older than 10 minutes";
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "linkCodeInvalid", why)
    };
    let principal = linked.ok_or_else(refused)?;
    Ok((StatusCode::CREATED, account(principal, token)))
}

/// `GET /api/devices`.
pub async fn list(State(app): State<App>, who: Principal) -> Result<Json<Value>, Problem> {
    let devices = app.store.devices(&who.user).await?.into_iter().map(|device| {
        json!({
            "current": device.id == who.device, "id": device.id, "name": device.name,
            "createdAt": device.created_at, "lastSeenAt": device.seen_at,
        })
    });
    Ok(Json(json!({ "userId": who.user.to_string(), "devices": devices.collect::<Vec<_>>() })))
}

/// `DELETE /api/devices/{id}`: its token is refused from now on.
pub async fn revoke(
    State(app): State<App>,
    who: Principal,
    Path(device): Path<String>,
) -> Result<StatusCode, Problem> {
    if !app.store.revoke(&who.user, &device, app.config.clock.now()).await? {
        return Err(Problem::not_found("device"));
    }
    app.events.hang_up(&who.user);
    tracing::info!(user = %who.user, device, "revoked");
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /api/account`: everything of this user, for good.
pub async fn remove(State(app): State<App>, who: Principal) -> Result<StatusCode, Problem> {
    app.store.remove(&who.user).await?;
    app.events.hang_up(&who.user);
    tracing::info!(user = %who.user, "account removed");
    Ok(StatusCode::NO_CONTENT)
}

fn account(principal: Principal, token: String) -> Json<Account> {
    Json(Account { user_id: principal.user.to_string(), device_id: principal.device, token })
}

fn name(body: &Value) -> Result<String, FieldError> {
    let problem = match body.get("name") {
        None | Some(Value::Null) => return Ok(String::new()),
        Some(Value::String(name)) if name.len() > MAX_NAME_BYTES => "must not be longer than 200 bytes",
        Some(Value::String(name)) if name.chars().any(char::is_control) => {
            "must not contain control characters"
        }
        Some(Value::String(name)) => return Ok(name.clone()),
        Some(_) => "must be a text",
    };
    Err(FieldError::new("name", problem))
}
