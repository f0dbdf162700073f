//! josekit: `decode_with_verifier_selector` over verifiers made from the policy's JWK set, one for each key and algorithm that
//! may go together, then `JwtPayloadValidator`, which is told the time. It has no leeway and requires no claims by name.
#[path = "../loop.rs"]
mod adapter;

use josekit::jwk::{Jwk, JwkSet};
use josekit::jws::alg::{ecdsa::*, eddsa::*, hmac::*, rsassa::*, rsassa_pss::*};
use josekit::jws::{self, JwsHeader, JwsVerifier};
use josekit::jwt::{self, JwtPayloadValidator};
use josekit::JoseError;
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};

const HMAC: [HmacJwsAlgorithm; 3] = [jws::HS256, jws::HS384, jws::HS512];
const RSA: [RsassaJwsAlgorithm; 3] = [jws::RS256, jws::RS384, jws::RS512];
const PSS: [RsassaPssJwsAlgorithm; 3] = [jws::PS256, jws::PS384, jws::PS512];
const ECDSA: [EcdsaJwsAlgorithm; 3] = [jws::ES256, jws::ES384, jws::ES512];
const EDDSA: [EddsaJwsAlgorithm; 1] = [jws::EdDSA];

fn main() {
    let capabilities = json!({
        "algorithms": [
            "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
        ],
        "options": [], "max_line": 4_000_000,
    });
    adapter::serve("josekit", "0.10.3", capabilities, verify);
}

/// The verifiers that this key can serve, for whatever algorithm it and the library permit.
fn verifiers(key: &Jwk) -> Vec<Box<dyn JwsVerifier>> {
    let mut made: Vec<Box<dyn JwsVerifier>> = vec![];
    macro_rules! make {
        ($($family:ident)*) => {$(
            for algorithm in $family {
                if let Ok(verifier) = algorithm.verifier_from_jwk(key) {
                    made.push(Box::new(verifier));
                }
            }
        )*};
    }
    make!(HMAC RSA PSS ECDSA EDDSA);
    made
}

fn verify(request: &Value) -> Result<Value, JoseError> {
    let policy = &request["policy"];
    let keys = JwkSet::from_bytes(policy["keys"].to_string())?;
    let verifiers: Vec<_> = keys.keys().into_iter().flat_map(verifiers).collect();
    let select = |header: &JwsHeader| {
        let asked = json!(header.algorithm());
        let allowed = policy["algorithms"].as_array().is_some_and(|names| names.contains(&asked));
        let fits = |verifier: &&Box<dyn JwsVerifier>| {
            allowed && verifier.key_id() == header.key_id() && asked == verifier.algorithm().name()
        };
        Ok(verifiers.iter().find(fits).map(AsRef::as_ref))
    };
    let token = request["token"].as_str().unwrap_or_default();
    let (payload, _) = jwt::decode_with_verifier_selector(token, select)?;
    let now = UNIX_EPOCH + Duration::from_secs_f64(request["now"].as_f64().unwrap_or_default());
    let mut validator = JwtPayloadValidator::new();
    validator.set_base_time(now);
    validator.set_max_issued_time(now);
    validator.set_issuer(policy["issuer"].as_str().unwrap_or_default());
    validator.set_audience(policy["audience"].as_str().unwrap_or_default());
    validator.validate(&payload)?;
    Ok(payload.claims_set().clone().into())
}
