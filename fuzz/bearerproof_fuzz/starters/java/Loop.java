import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The loop of an adapter in Java: JSON lines in, JSON lines out, in order. */
final class Loop {
    static final ObjectMapper JSON = new ObjectMapper();

    /** Returns the claims, as JSON data; what it throws for a bad token is told by {@code isRejection}. */
    interface Verifier {
        Object verify(String token, JsonNode policy, double now) throws Exception;
    }

    interface Rejections {
        boolean include(Throwable error);
    }

    /** Answers until the input ends; what is thrown and is no rejection is errored. */
    static void serve(Map<String, ?> implementation, Map<String, ?> capabilities, Verifier verifier, Rejections rejections)
            throws IOException {
        Map<String, ?> hello = Map.of("protocol", 1, "level", 0, "profiles", List.of("jwt"), "measure", "base",
                "implementation", implementation, "capabilities", capabilities);
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line; (line = lines.readLine()) != null;) {
            JsonNode request = JSON.readTree(line);
            ObjectNode answer = switch (request.path("op").asText()) {
                case "hello" -> JSON.valueToTree(hello);
                case "verify" -> decide(request, verifier, rejections);
                default -> JSON.createObjectNode().put("skipped", "only whole JWTs");
            };
            answer.set("id", request.get("id"));
            answers.println(JSON.writeValueAsString(answer));
        }
    }

    private static ObjectNode decide(JsonNode request, Verifier verifier, Rejections rejections) {
        ObjectNode answer = JSON.createObjectNode();
        try {
            Object claims = verifier.verify(request.get("token").asText(), request.get("policy"), request.get("now").asDouble());
            JsonNode told = JSON.valueToTree(claims);
            return answer.put("verdict", "accepted").set("claims", isDeeper(60, told) ? null : told);
        } catch (Exception | StackOverflowError | LinkageError error) {
            if (rejections.include(error)) {
                return answer.put("verdict", "rejected");
            }
            String message = error.toString();
            return answer.set("errored", JSON.createObjectNode().put("message", message.substring(0, Math.min(500, message.length()))));
        }
    }

    /** Says whether arrays and objects nest deeper than an answer may. */
    private static boolean isDeeper(int levels, JsonNode value) {
        if (value.isContainerNode() && levels > 0) {
            for (JsonNode each : value) {
                if (isDeeper(levels - 1, each)) {
                    return true;
                }
            }
            return false;
        }
        return value.isContainerNode();
    }

    /** The texts of an array, or none. */
    static List<String> texts(JsonNode array) {
        List<String> texts = new ArrayList<>();
        array.forEach(text -> texts.add(text.asText()));
        return texts;
    }

    private Loop() {}
}
