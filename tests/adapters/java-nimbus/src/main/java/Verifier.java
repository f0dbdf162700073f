import com.fasterxml.jackson.databind.JsonNode;
import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.source.ImmutableJWKSet;
import com.nimbusds.jose.proc.BadJOSEException;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import java.io.IOException;
import java.text.ParseException;
import java.util.Date;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Nimbus JOSE + JWT: the JWT processor that its documents show for access tokens, over the policy's JWK set. Its claims
 * verifier is told the time by overriding {@code currentTime}.
 */
final class Verifier {
    public static void main(String[] arguments) throws IOException {
        var algorithms = List.of("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
                "ES384", "ES512");
        Loop.serve(Map.of("name", "nimbus-jose-jwt", "version", "10.10", "language", "java"),
                Map.of("algorithms", algorithms, "options", List.of("leeway", "require", "typ"), "max_line", 4_000_000),
                Verifier::verify,
                error -> error instanceof ParseException || error instanceof BadJOSEException || error instanceof JOSEException);
    }

    private static Object verify(String token, JsonNode policy, double now) throws Exception {
        Set<JWSAlgorithm> allowed = Loop.texts(policy.get("algorithms")).stream().map(JWSAlgorithm::parse)
                .collect(Collectors.toSet());
        var processor = new DefaultJWTProcessor<SecurityContext>();
        processor.setJWSKeySelector(new JWSVerificationKeySelector<>(allowed,
                new ImmutableJWKSet<>(JWKSet.parse(policy.get("keys").toString()))));
        if (policy.hasNonNull("typ")) {
            processor.setJWSTypeVerifier(
                    new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType(policy.get("typ").asText())));
        }
        var claims = new DefaultJWTClaimsVerifier<SecurityContext>(policy.get("audience").asText(),
                new JWTClaimsSet.Builder().issuer(policy.get("issuer").asText()).build(),
                new HashSet<>(Loop.texts(policy.path("require")))) {
            @Override
            protected Date currentTime() {
                return new Date(Math.round(now * 1000));
            }
        };
        claims.setMaxClockSkew(policy.path("leeway").asInt());
        processor.setJWTClaimsSetVerifier(claims);
        return Loop.JSON.readTree(processor.process(token, null).toString(true));
    }

    private Verifier() {}
}
