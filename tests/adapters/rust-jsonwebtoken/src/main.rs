//! jsonwebtoken: the key that `JwkSet::find` has for the header's kid, then `decode`, as its example for a key set shows.
//! It reads the clock itself, allows algorithms of one family only (that of the key), and can require five claims.
#[path = "../loop.rs"]
mod adapter;

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

fn main() {
    let capabilities = json!({
        "algorithms": [
            "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"
        ],
        "clock": "real", "max_line": 4_000_000,
        "options": ["leeway", {"require": ["exp", "nbf", "aud", "iss", "sub"]}],
    });
    adapter::serve("jsonwebtoken (Rust)", "12.0.0", capabilities, verify);
}

fn verify(request: &Value) -> Result<Value, Error> {
    let (token, policy) = (request["token"].as_str().unwrap_or_default(), &request["policy"]);
    let keys: JwkSet = serde_json::from_value(policy["keys"].clone()).map_err(|_| ErrorKind::InvalidKeyFormat)?;
    let kid = decode_header(token)?.kid.unwrap_or_default();
    let key = DecodingKey::from_jwk(keys.find(&kid).ok_or(ErrorKind::InvalidKeyFormat)?)?;
    let names = policy["algorithms"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let allowed = names.filter_map(|name| name.parse::<Algorithm>().ok());
    let mut validation = Validation::default();
    validation.algorithms = allowed.filter(|algorithm| algorithm.family() == key.family()).collect();
    validation.leeway = policy["leeway"].as_u64().unwrap_or(0);
    validation.validate_nbf = true;
    validation.set_issuer(&[policy["issuer"].as_str().unwrap_or_default()]);
    validation.set_audience(&[policy["audience"].as_str().unwrap_or_default()]);
    validation.required_spec_claims = ["iss", "aud"].map(str::to_owned).into();
    let required = policy["require"].as_array().into_iter().flatten().filter_map(Value::as_str);
    validation.required_spec_claims.extend(required.map(str::to_owned));
    Ok(decode::<Value>(token, &key, &validation)?.claims)
}
