//! An adapter of your Rust library: fill in `verify`, and declare below it what the library can do.
//!
//! Nothing else is needed. `policy` has all that a verifier is told; each check that your library offers is switched on with
//! the value that stands there, and none is added that it lacks: that is what bearerproof looks for.
#[path = "loop.rs"]
mod adapter;

use serde_json::{Value, json};

/// The error that the library documents for a bad token: put its type here. It is a rejection; a panic is not.
type Rejected = String;

/// Returns the claims of a token that the library accepts at this instant under this policy. `request["now"]` is in seconds
/// since 1970; the policy has `issuer`, `audience`, `algorithms`, `leeway`, `require` and `keys` (a JWK set).
fn verify(request: &Value) -> Result<Value, Rejected> {
    let (_token, _now, _policy) = (&request["token"], &request["now"], &request["policy"]);
    panic!("verify, in src/main.rs, is still to be filled in");
}

fn main() {
    let capabilities = json!({
        "algorithms": ["RS256", "ES256"], // those that it verifies: each one declared is tried
        "clock": "injected", // "real" if it cannot be told the time
        "key_form": "jwks", // "pem" and others: policy["key_texts"][kid]["pem"] is each key then
        "options": ["leeway", "require"], // and "typ", or only those that it has
    });
    adapter::serve("my-library", "unknown", capabilities, verify);
}
