import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.NameCallback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.Configurable;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.auth.AuthenticationContext;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder;
import org.apache.kafka.common.security.plain.PlainAuthenticateCallback;

/**
 * Lets a control plane decide who may log in to a broker with SASL/PLAIN: whoever it answers
 * with 200 at the address that the broker's configuration names as {@code control.plane.topics}.
 */
public class AskControlPlane implements AuthenticateCallbackHandler {
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final HttpClient http = HttpClient.newBuilder().connectTimeout(PATIENCE).build();
    private URI topics;

    @Override
    public void configure(Map<String, ?> broker, String mechanism, List<AppConfigurationEntry> jaas) {
        topics = URI.create((String) broker.get("control.plane.topics"));
    }

    @Override
    public void handle(Callback[] callbacks) throws IOException, UnsupportedCallbackException {
        String username = "";
        for (Callback callback : callbacks) {
            if (callback instanceof NameCallback name) {
                username = name.getDefaultName();
            } else if (callback instanceof PlainAuthenticateCallback plain) {
                plain.authenticated(mayLogIn(username + ":" + new String(plain.password())));
            } else {
                throw new UnsupportedCallbackException(callback);
            }
        }
    }

    private boolean mayLogIn(String credential) throws IOException {
        byte[] bytes = credential.getBytes(StandardCharsets.UTF_8);
        HttpRequest question = HttpRequest.newBuilder(topics)
                .timeout(PATIENCE)
                .header("Authorization", "Basic " + Base64.getEncoder().encodeToString(bytes))
                .build();
        try {
            return http.send(question, BodyHandlers.discarding()).statusCode() == 200;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException(interrupted);
        }
    }

    @Override
    public void close() {}

    /**
     * Takes a client for the owner of its key, as Confluent Cloud does. So a client may log in again
     * with another key of that owner on the connection that it has: a broker refuses another
     * principal there.
     */
    public static final class OwnerOfKey extends DefaultKafkaPrincipalBuilder
            implements Configurable {
        private final HttpClient http = HttpClient.newBuilder().connectTimeout(PATIENCE).build();
        private URI state;

        public OwnerOfKey() {
            super(null, null);
        }

        @Override
        public void configure(Map<String, ?> broker) {
            state = URI.create((String) broker.get("control.plane.topics")).resolve("/simulator/state");
        }

        @Override
        public KafkaPrincipal build(AuthenticationContext context) {
            KafkaPrincipal key = super.build(context);
            if (key.equals(KafkaPrincipal.ANONYMOUS)) {
                return key;
            }
            for (JsonNode known : ask().get("api_keys")) {
                if (known.get("id").asText().equals(key.getName())) {
                    return new KafkaPrincipal(KafkaPrincipal.USER_TYPE, known.get("owner").asText());
                }
            }
            return key;
        }

        private JsonNode ask() {
            HttpRequest question = HttpRequest.newBuilder(state).timeout(PATIENCE).build();
            try {
                return new ObjectMapper().readTree(http.send(question, BodyHandlers.ofString()).body());
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                throw new UncheckedIOException(new IOException(interrupted));
            }
        }
    }
}
