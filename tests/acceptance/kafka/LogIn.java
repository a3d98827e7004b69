import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.errors.SaslAuthenticationException;

/**
 * Logs in at a broker with each key that comes in as a line {@code key secret}, once, and prints
 * {@code key is in}, {@code key is refused}, or what else happened.
 *
 * <p>Argument: the address of the broker.
 */
public final class LogIn {
    public static void main(String[] args) throws Exception {
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] key = line.split(" ", 2);
            System.out.println(key[0] + " " + logIn(args[0], key[0], key[1]));
        }
    }

    /** A refused login is never tried again by the client. */
    private static String logIn(String broker, String key, String secret) throws Exception {
        Map<String, Object> configuration = new HashMap<>();
        configuration.put("bootstrap.servers", broker);
        configuration.put("security.protocol", "SASL_PLAINTEXT");
        configuration.put("sasl.mechanism", "PLAIN");
        configuration.put(
                "sasl.jaas.config",
                "org.apache.kafka.common.security.plain.PlainLoginModule required username=\""
                        + key + "\" password=\"" + secret + "\";");
        try (Admin admin = Admin.create(configuration)) {
            admin.describeCluster().nodes().get();
            return "is in";
        } catch (ExecutionException failure) {
            return failure.getCause() instanceof SaslAuthenticationException
                    ? "is refused"
                    : "failed: " + failure.getCause();
        }
    }
}
