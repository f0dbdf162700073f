// jwt-cpp, with its default JSON (picojson): decode, then a verifier that allows the algorithms of the policy with the key that
// the header's kid names. Public keys are PEM, secrets are octets. The time is told by a clock of our own. decode documents
// std::invalid_argument and std::runtime_error, and verify an exception derived from the latter. It can require no claim.
#include <jwt-cpp/jwt.h>

#include <algorithm>
#include <chrono>
#include <clocale>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

namespace {

using picojson::value;

struct GivenClock {
    double seconds;
    jwt::date now() const {
        return jwt::date(std::chrono::duration_cast<jwt::date::duration>(std::chrono::duration<double>(seconds)));
    }
};
using Verifier = jwt::verifier<GivenClock, jwt::traits::kazuho_picojson>;

struct Unknown : std::runtime_error {
    using std::runtime_error::runtime_error;
};

using Allow = void (*)(Verifier&, const std::string& key);

template <class Algorithm>
void allow(Verifier& verifier, const std::string& key) {
    verifier.allow_algorithm(Algorithm(key));
}

namespace alg = jwt::algorithm;
const std::map<std::string, std::map<std::string, Allow>> ALGORITHMS = {
    {"oct", {{"HS256", allow<alg::hs256>}, {"HS384", allow<alg::hs384>}, {"HS512", allow<alg::hs512>}}},
    {"RSA", {{"RS256", allow<alg::rs256>}, {"RS384", allow<alg::rs384>}, {"RS512", allow<alg::rs512>},
             {"PS256", allow<alg::ps256>}, {"PS384", allow<alg::ps384>}, {"PS512", allow<alg::ps512>}}},
    {"EC", {{"ES256", allow<alg::es256>}, {"ES384", allow<alg::es384>}, {"ES512", allow<alg::es512>}}},
    {"OKP", {{"EdDSA", allow<alg::ed25519>}}},
};

std::string text(const value& object, const std::string& name) {
    const value& member = object.is<picojson::object>() ? object.get(name) : value();
    return member.is<std::string>() ? member.get<std::string>() : "";
}

// The key as text that the library reads, by the kid of a token.
std::pair<std::string, std::string> key_of(const value& policy, const std::string& kid) {
    for (const value& jwk : policy.get("keys").get("keys").get<picojson::array>()) {
        if (text(jwk, "kid") != kid) continue;
        const std::string kty = text(jwk, "kty");
        if (kty == "oct") return {kty, jwt::base::decode<jwt::alphabet::base64url>(
                                           jwt::base::pad<jwt::alphabet::base64url>(text(jwk, "k")))};
        const value texts = policy.contains("key_texts") ? policy.get("key_texts") : value();
        const std::string pem = texts.is<picojson::object>() ? text(texts.get(kid), "pem") : "";
        if (!pem.empty()) return {kty, pem};
    }
    throw Unknown("no key of that kid");
}

// get_key_id documents std::bad_cast for one that is no text.
std::string kid_of(const jwt::decoded_jwt<jwt::traits::kazuho_picojson>& token) try {
    return token.has_key_id() ? token.get_key_id() : "";
} catch (const std::bad_cast&) {
    throw Unknown("the kid is no text");
}

value verified(const value& request) {
    const value& policy = request.get("policy");
    const auto token = jwt::decode(text(request, "token"));
    const auto [kty, key] = key_of(policy, kid_of(token));
    auto verifier = jwt::verify<GivenClock, jwt::traits::kazuho_picojson>(GivenClock{request.get("now").get<double>()})
                        .with_issuer(text(policy, "issuer"))
                        .with_audience(text(policy, "audience"));
    if (policy.contains("leeway")) verifier.leeway(static_cast<std::size_t>(policy.get("leeway").get<double>()));
    const auto family = ALGORITHMS.find(kty);
    for (const value& name : policy.get("algorithms").get<picojson::array>()) {
        if (family == ALGORITHMS.end()) break;
        const auto found = family->second.find(name.get<std::string>());
        if (found != family->second.end()) found->second(verifier, key);
    }
    verifier.verify(token);
    return value(token.get_payload_json());
}

bool is_deeper(int levels, const value& json) {
    const auto deeper = [levels](const value& each) { return is_deeper(levels - 1, each); };
    if (json.is<picojson::array>()) {
        const auto& values = json.get<picojson::array>();
        return levels == 0 || std::any_of(values.begin(), values.end(), deeper);
    }
    if (!json.is<picojson::object>()) return false;
    const auto& members = json.get<picojson::object>();
    return levels == 0 ||
           std::any_of(members.begin(), members.end(), [&deeper](const auto& member) { return deeper(member.second); });
}

// Claims that an answer cannot carry, since they nest too deep or are no UTF-8, are left out; glibc judges the latter, in the
// locale that main sets.
picojson::object accepted(const value& claims) {
    if (is_deeper(60, claims)) return {{"verdict", value("accepted")}};
    const bool is_text = std::mbstowcs(nullptr, claims.serialize().c_str(), 0) != static_cast<std::size_t>(-1);
    return {{"verdict", value("accepted")}, {"claims", is_text ? claims : value()}};
}

picojson::object answer(const value& request) {
    if (text(request, "op") == "hello") {
        value hello;
        picojson::parse(hello, R"({"protocol": 1, "level": 0, "profiles": ["jwt"], "measure": "base",
            "implementation": {"name": "jwt-cpp", "version": "0.7.2", "language": "c++"},
            "capabilities": {"key_form": "pem", "options": ["leeway"], "max_line": 4000000, "mixed_algorithms": true,
                "algorithms": ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
                               "ES256", "ES384", "ES512", "EdDSA"]}})");
        return hello.get<picojson::object>();
    }
    if (text(request, "op") != "verify") return {{"skipped", value("only whole JWTs")}};
    try {
        return accepted(verified(request));
    } catch (const std::invalid_argument&) {
        return {{"verdict", value("rejected")}};
    } catch (const std::runtime_error&) {
        return {{"verdict", value("rejected")}};
    } catch (const std::exception& error) {
        return {{"errored", value(picojson::object{{"message", value(std::string(error.what()).substr(0, 500))}})}};
    }
}

}  // namespace

int main() {
    std::setlocale(LC_CTYPE, "C.UTF-8");
    for (std::string line; std::getline(std::cin, line);) {
        value request;
        picojson::parse(request, line);
        picojson::object told = answer(request);
        told["id"] = request.get("id");
        std::cout << value(told).serialize() << std::endl;
    }
}
