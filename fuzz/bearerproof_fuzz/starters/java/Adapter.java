import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * An adapter of your Java library: fill in {@code verify}, and declare below it what the library can do.
 *
 * <p>Nothing else is needed. The policy has all that a verifier is told; each check that your library offers is switched on
 * with the value that stands there, and none is added that it lacks: that is what bearerproof looks for.
 */
final class Adapter {
    /** What {@code verify} throws where the library throws the exception that it documents for a bad token. */
    static final class Rejected extends Exception {
        Rejected(Throwable cause) {
            super(cause);
        }
    }

    /**
     * Returns the claims of a token that the library accepts at this instant under this policy, or throws Rejected.
     * {@code now} is in seconds since 1970; the policy has issuer, audience, algorithms, leeway, require and keys (a JWK set).
     */
    private static Object verify(String token, JsonNode policy, double now) throws Exception {
        throw new IllegalStateException("verify, in src/main/java/Adapter.java, is still to be filled in");
    }

    private static final Map<String, ?> CAPABILITIES = Map.of(
            "algorithms", List.of("RS256", "ES256"), // those that it verifies: each one declared is tried
            "clock", "injected", // "real" if it cannot be told the time
            "key_form", "jwks", // "pem" and others: policy.get("key_texts").get(kid).get("pem") is each key then
            "options", List.of("leeway", "require")); // and "typ", or only those that it has

    public static void main(String[] arguments) throws IOException {
        Loop.serve(Map.of("name", "my-library", "version", "unknown", "language", "java"), CAPABILITIES, Adapter::verify,
                error -> error instanceof Rejected);
    }

    private Adapter() {}
}
