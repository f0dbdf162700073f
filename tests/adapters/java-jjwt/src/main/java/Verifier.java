import com.fasterxml.jackson.databind.JsonNode;
import io.jsonwebtoken.Header;
import io.jsonwebtoken.JwtException;
import io.jsonwebtoken.JwsHeader;
import io.jsonwebtoken.Jwts;
import io.jsonwebtoken.Locator;
import io.jsonwebtoken.security.Jwk;
import io.jsonwebtoken.security.JwkSet;
import io.jsonwebtoken.security.Jwks;
import java.io.IOException;
import java.security.Key;
import java.util.Date;
import java.util.List;
import java.util.Map;

/**
 * JJWT: a parser with a key locator over the policy's JWK set, and the allow-list in place of its registry of algorithms. It
 * requires a claim by its value only.
 */
final class Verifier {
    public static void main(String[] arguments) throws IOException {
        var algorithms = List.of("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
                "ES384", "ES512", "EdDSA");
        Loop.serve(Map.of("name", "jjwt", "version", "0.13.0", "language", "java"),
                Map.of("algorithms", algorithms, "options", List.of("leeway"), "max_line", 4_000_000),
                Verifier::verify,
                error -> error instanceof JwtException || error instanceof IllegalArgumentException);
    }

    private static Object verify(String token, JsonNode policy, double now) {
        JwkSet keys = Jwks.setParser().build().parse(policy.get("keys").toString());
        var signatures = Jwts.parser().sig().clear();
        Loop.texts(policy.get("algorithms")).forEach(name -> signatures.add(Jwts.SIG.get().forKey(name)));
        return signatures.and()
                .keyLocator(keyOf(keys))
                .requireIssuer(policy.get("issuer").asText())
                .requireAudience(policy.get("audience").asText())
                .clockSkewSeconds(policy.path("leeway").asLong())
                .clock(() -> new Date(Math.round(now * 1000)))
                .build().parseSignedClaims(token).getPayload();
    }

    private static Locator<Key> keyOf(JwkSet keys) {
        return (Header header) -> header instanceof JwsHeader jws
                ? keys.getKeys().stream().filter(key -> key.getId() != null && key.getId().equals(jws.getKeyId()))
                        .findFirst().map(Jwk::toKey).orElse(null)
                : null;
    }

    private Verifier() {}
}
