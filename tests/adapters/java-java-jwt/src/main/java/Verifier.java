import com.auth0.jwt.JWT;
import com.auth0.jwt.JWTVerifier;
import com.auth0.jwt.algorithms.Algorithm;
import com.auth0.jwt.exceptions.JWTDecodeException;
import com.auth0.jwt.exceptions.JWTVerificationException;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.X509EncodedKeySpec;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/**
 * Auth0's java-jwt: a verifier of one algorithm and key, which are those of the key that the header's kid names. Public keys
 * are PEM, read by the platform; secrets are octets. The time is told to {@code build}, as its documents show for tests.
 */
final class Verifier {
    public static void main(String[] arguments) throws IOException {
        var algorithms = List.of("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512");
        Loop.serve(Map.of("name", "java-jwt", "version", "4.6.2", "language", "java"),
                Map.of("algorithms", algorithms, "key_form", "pem", "options", List.of("leeway", "require"), "max_line",
                        4_000_000),
                Verifier::verify, error -> error instanceof JWTVerificationException);
    }

    private static Object verify(String token, JsonNode policy, double now) throws Exception {
        String kid = JWT.decode(token).getKeyId();
        for (JsonNode key : policy.at("/keys/keys")) {
            if (key.path("kid").asText().equals(kid)) {
                return verify(token, policy, algorithm(key, policy), now);
            }
        }
        throw new JWTDecodeException("no key of that kid");
    }

    private static Object verify(String token, JsonNode policy, Algorithm algorithm, double now) throws IOException {
        var wanted = JWT.require(algorithm).withIssuer(policy.get("issuer").asText())
                .withAudience(policy.get("audience").asText()).acceptLeeway(policy.path("leeway").asLong());
        Loop.texts(policy.path("require")).forEach(wanted::withClaimPresence);
        var clock = Clock.fixed(Instant.ofEpochMilli(Math.round(now * 1000)), ZoneOffset.UTC);
        JWTVerifier verifier = ((JWTVerifier.BaseVerification) wanted).build(clock);
        return Loop.JSON.readTree(Base64.getUrlDecoder().decode(verifier.verify(token).getPayload()));
    }

    /** The algorithm that the key is for, or the only one allowed. */
    private static Algorithm algorithm(JsonNode jwk, JsonNode policy) throws Exception {
        List<String> allowed = Loop.texts(policy.get("algorithms"));
        String name = jwk.path("alg").asText(allowed.get(0));
        if (!allowed.contains(name)) {
            throw new JWTDecodeException("the key's algorithm is not allowed");
        }
        byte[] secret = Base64.getUrlDecoder().decode(jwk.path("k").asText());
        return switch (name) {
            case "HS256" -> Algorithm.HMAC256(secret);
            case "HS384" -> Algorithm.HMAC384(secret);
            case "HS512" -> Algorithm.HMAC512(secret);
            case "RS256" -> Algorithm.RSA256((RSAPublicKey) key("RSA", jwk, policy), null);
            case "RS384" -> Algorithm.RSA384((RSAPublicKey) key("RSA", jwk, policy), null);
            case "RS512" -> Algorithm.RSA512((RSAPublicKey) key("RSA", jwk, policy), null);
            case "ES256" -> Algorithm.ECDSA256((ECPublicKey) key("EC", jwk, policy), null);
            case "ES384" -> Algorithm.ECDSA384((ECPublicKey) key("EC", jwk, policy), null);
            case "ES512" -> Algorithm.ECDSA512((ECPublicKey) key("EC", jwk, policy), null);
            default -> throw new JWTDecodeException("no such algorithm");
        };
    }

    private static PublicKey key(String type, JsonNode jwk, JsonNode policy) throws Exception {
        String pem = policy.path("key_texts").path(jwk.get("kid").asText()).path("pem").asText();
        byte[] der = Base64.getMimeDecoder().decode(pem.replaceAll("-----[^-]+-----", ""));
        return KeyFactory.getInstance(type).generatePublic(new X509EncodedKeySpec(der));
    }

    private Verifier() {}
}
