//! The loop of an adapter in Rust: JSON lines in, JSON lines out, in order.
use serde_json::{Value, json};
use std::io::{BufRead, Write, stdin, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Answers until the input ends. `verify` gets the request and returns the claims, or the library's own error, which is a
/// rejection. A panic is errored.
pub fn serve<E>(name: &str, version: &str, capabilities: Value, verify: fn(&Value) -> Result<Value, E>) {
    let mut hello = json!({"protocol": 1, "level": 0, "profiles": ["jwt"], "measure": "base"});
    hello["implementation"] = json!({"name": name, "version": version, "language": "rust"});
    hello["capabilities"] = capabilities;
    for line in stdin().lock().lines().map_while(Result::ok) {
        let request: Value = serde_json::from_str(&line).unwrap_or_default();
        let mut answer = match request["op"].as_str() {
            Some("hello") => hello.clone(),
            Some("verify") => match catch_unwind(AssertUnwindSafe(|| verify(&request))) {
                Ok(Ok(claims)) if is_deeper(60, &claims) => json!({"verdict": "accepted"}),
                Ok(Ok(claims)) => json!({"verdict": "accepted", "claims": claims}),
                Ok(Err(_)) => json!({"verdict": "rejected"}),
                Err(_) => json!({"errored": {"message": "a panic; standard error says where"}}),
            },
            _ => json!({"skipped": "only whole JWTs"}),
        };
        answer["id"] = request["id"].clone();
        if writeln!(stdout(), "{answer}").is_err() {
            return;
        }
    }
}

/// Says whether arrays and objects nest deeper than an answer may.
fn is_deeper(levels: usize, value: &Value) -> bool {
    match value {
        Value::Array(values) => levels == 0 || values.iter().any(|each| is_deeper(levels - 1, each)),
        Value::Object(members) => levels == 0 || members.values().any(|each| is_deeper(levels - 1, each)),
        _ => false,
    }
}
