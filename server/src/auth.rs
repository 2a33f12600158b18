//! Secrets and who they belong to. A secret is seen here only; the database and the log get its hash or nothing.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::address;
use crate::app::App;
use crate::error::Problem;
use crate::store::{Digest, Principal};

/// No two of these look alike.
const CODE_ALPHABET: &[u8; 30] = b"ABCDEFGHJKMNPQRSTVWXYZ23456789";
const CODE_LENGTH: usize = 8;

/// A new token: 256 random bits as base64url, and its hash.
pub fn new_token() -> Result<(String, Digest), Problem> {
    let token = URL_SAFE_NO_PAD.encode(random::<32>()?);
    let digest = digest(&token);
    Ok((token, digest))
}

/// A new link code, and its hash.
pub fn new_code() -> Result<(String, Digest), Problem> {
    let mut code = String::with_capacity(CODE_LENGTH);
    // The remainder of a byte below 240 is even over the 30 letters.
    while code.len() < CODE_LENGTH {
        let letters = random::<16>()?.into_iter().filter(|byte| *byte < 240);
        let letters = letters.filter_map(|byte| CODE_ALPHABET.get(usize::from(byte) % CODE_ALPHABET.len()));
        code.extend(letters.take(CODE_LENGTH - code.len()).map(|letter| char::from(*letter)));
    }
    let digest = digest(&code);
    Ok((code, digest))
}

/// The hash of a code as a person typed it; `None` when it cannot be one.
pub fn typed_code(text: &str) -> Option<Digest> {
    let separator = |letter: &char| letter.is_whitespace() || *letter == '-';
    let code: String =
        text.chars().take(64).filter(|l| !separator(l)).map(|l| l.to_ascii_uppercase()).collect();
    let good = code.len() == CODE_LENGTH && code.bytes().all(|letter| CODE_ALPHABET.contains(&letter));
    good.then(|| digest(&code))
}

fn digest(secret: &str) -> Digest {
    Sha256::digest(secret.as_bytes()).into()
}

fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "no randomness");
        Problem::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed")
    })?;
    Ok(bytes)
}

impl FromRequestParts<App> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Principal, Problem> {
        let known = match token(parts) {
            Some(token) => app.store.principal(&digest(token)).await?,
            None => None,
        };
        let Some(principal) = known else {
            app.limits.sign_in.check(&address::of(parts, app.config.trust_forwarded_for))?;
            return Err(Problem::unauthorized());
        };
        app.limits.device.check(&principal.device)?;
        Ok(principal)
    }
}

fn token(parts: &Parts) -> Option<&str> {
    let (scheme, token) = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && token.len() == 43).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_carries_256_bits_and_is_never_the_same() {
        let (one, other) = (new_token().unwrap().0, new_token().unwrap().0);
        assert_eq!(URL_SAFE_NO_PAD.decode(&one).unwrap().len(), 32);
        assert_ne!(one, other);
    }

    #[test]
    fn a_code_is_read_however_a_person_types_it() {
        let (code, expected) = new_code().unwrap();
        assert_eq!(code.len(), 8);
        let (head, tail) = code.split_at(4);
        assert_eq!(typed_code(&format!(" {}-{} ", head.to_lowercase(), tail)), Some(expected));
        for bad in ["", "ABCD", "ABCDEFGHJ", "ABCDEFG0", "ABCDÉFGH"] {
            assert_eq!(typed_code(bad), None, "{bad}");
        }
    }
}
