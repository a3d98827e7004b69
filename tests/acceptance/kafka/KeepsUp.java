import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.NameCallback;
import javax.security.auth.callback.PasswordCallback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A producer that takes new credentials as they come, without a restart: whenever the client logs
 * in, it reads {@code key:secret} from a file anew. Sends numbered records until a line comes in,
 * prints what could not be sent, and in the end how many were.
 *
 * <p>Arguments: the address of a broker, a topic, and the file.
 */
public final class KeepsUp {
    private static final long PAUSE_MILLIS = 100;

    public static void main(String[] args) throws Exception {
        Map<String, Object> configuration =
                Map.of(
                        "bootstrap.servers", args[0],
                        "security.protocol", "SASL_PLAINTEXT",
                        "sasl.mechanism", "PLAIN",
                        "sasl.jaas.config",
                        "org.apache.kafka.common.security.plain.PlainLoginModule required;",
                        "sasl.client.callback.handler.class", KeyOfFile.class.getName(),
                        KeyOfFile.FILE, args[2]);
        AtomicBoolean stop = new AtomicBoolean();
        Thread reader = new Thread(() -> {
            try (var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
                input.readLine();
            } catch (IOException error) {
                System.out.println("failed: " + error);
            }
            stop.set(true);
        });
        reader.setDaemon(true);
        reader.start();
        var serializer = new StringSerializer();
        long sent = 0;
        try (Producer<String, String> producer = new KafkaProducer<>(configuration, serializer, serializer)) {
            while (!stop.get()) {
                long number = sent++;
                var record = new ProducerRecord<String, String>(args[1], "record " + number + ".");
                producer.send(record, (metadata, error) -> {
                    if (error != null) {
                        System.out.println("failed: record " + number + ": " + error);
                    }
                });
                TimeUnit.MILLISECONDS.sleep(PAUSE_MILLIS);
            }
            producer.flush();
        }
        System.out.println("sent " + sent + " records");
    }

    /** Tells a login the key that is in the file at that moment. */
    public static final class KeyOfFile implements AuthenticateCallbackHandler {
        static final String FILE = "key.file";

        private Path file;

        @Override
        public void configure(
                Map<String, ?> client, String mechanism, List<AppConfigurationEntry> jaas) {
            file = Path.of((String) client.get(FILE));
        }

        @Override
        public void handle(Callback[] callbacks) throws IOException, UnsupportedCallbackException {
            // Both come from one reading of the file.
            String[] key = Files.readString(file).strip().split(":", 2);
            for (Callback callback : callbacks) {
                if (callback instanceof NameCallback name) {
                    name.setName(key[0]);
                } else if (callback instanceof PasswordCallback password) {
                    password.setPassword(key[1].toCharArray());
                } else {
                    throw new UnsupportedCallbackException(callback);
                }
            }
        }

        @Override
        public void close() {}
    }
}
