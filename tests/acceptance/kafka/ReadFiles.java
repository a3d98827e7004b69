import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.common.config.provider.FileConfigProvider;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.common.security.JaasContext;
import org.apache.kafka.common.utils.Utils;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.env.YamlPropertySourceLoader;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.PropertySource;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.core.io.FileSystemResource;

/**
 * Reads files as Java programs do, with Kafka's and Spring's own classes, and
 * compares what they say.
 *
 * Arguments: the form, and a file of JSON lines: the text of a file, or fields;
 * what is expected of it; and who then logs in.
 */
public final class ReadFiles {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String LINE = "sasl.jaas.config";

    private final Path file;

    private ReadFiles(Path file) {
        this.file = file;
    }

    public static void main(String[] args) throws Exception {
        ReadFiles reader = new ReadFiles(Files.createTempFile(Path.of(""), "read", ".yml"));
        int read = 0;
        int wrong = 0;
        for (String line : Files.readAllLines(Path.of(args[1]), StandardCharsets.UTF_8)) {
            JsonNode given = JSON.readTree(line);
            String found;
            try {
                found = reader.mistake(args[0], given);
            } catch (Exception error) {
                found = error.toString();
            }
            read += 1;
            if (found != null) {
                wrong += 1;
                System.out.println("wrong: " + line + " " + found);
            }
        }
        System.out.println(read + " read, " + wrong + " wrong");
    }

    private String mistake(String form, JsonNode given) throws Exception {
        JsonNode text = given.get("text");
        if (text != null) {
            Files.writeString(file, text.asText(), StandardCharsets.UTF_8);
        }
        Map<String, String> found =
                switch (form) {
                    case "properties" -> properties();
                    case "spring-yaml" -> spring(
                            new YamlPropertySourceLoader().load("test", new FileSystemResource(file)));
                    // As Spring Cloud Vault hands an answer to the program.
                    case "spring-fields" -> spring(
                            List.of(new MapPropertySource("test", fields(given))));
                    default -> texts(fields(given));
                };
        Map<?, ?> expected = JSON.convertValue(given.get("expect"), Map.class);
        if (!expected.equals(found)) {
            return "fields " + JSON.writeValueAsString(found);
        }
        JsonNode login = given.get("login");
        return login == null ? null : login(found, login);
    }

    /** What Kafka's tools load, and, if it is the same, what Kafka Connect looks up. */
    private Map<String, String> properties() throws Exception {
        Map<String, String> loaded = texts(Utils.loadProps(file.toString()));
        try (FileConfigProvider provider = new FileConfigProvider()) {
            provider.configure(Map.of());
            Map<String, String> provided = provider.get(file.toString()).data();
            return provided.equals(loaded) ? loaded : provided;
        }
    }

    /** What Spring for Apache Kafka hands to the client. */
    private static Map<String, String> spring(List<PropertySource<?>> sources) {
        StandardEnvironment environment = new StandardEnvironment();
        for (var source : sources) {
            environment.getPropertySources().addFirst(source);
        }
        Binder binder = Binder.get(environment);
        Map<String, String> client =
                binder.bind("spring.kafka.properties", Bindable.mapOf(String.class, String.class)).get();
        Map<String, String> all = new HashMap<>(client);
        for (String[] own :
                new String[][] {
                    {"spring.kafka.bootstrap-servers", "bootstrap.servers"},
                    {"spring.kafka.security.protocol", "security.protocol"},
                }) {
            binder.bind(own[0], String.class).ifBound(value -> all.put(own[1], value));
        }
        return all;
    }

    /** Null if the client would log in as it should. */
    private static String login(Map<String, String> found, JsonNode login) {
        Map<String, Object> configuration = new HashMap<>(found);
        configuration.putIfAbsent("bootstrap.servers", "127.0.0.1:9092");
        AdminClientConfig parsed = new AdminClientConfig(configuration);
        Password line = parsed.getPassword(LINE);
        if (line == null || !line.value().equals(found.get(LINE))) {
            return "the client's configuration has another " + LINE;
        }
        Map<String, ?> options =
                JaasContext.loadClientContext(parsed.values()).configurationEntries().get(0).getOptions();
        boolean same =
                login.get(0).asText().equals(options.get("username"))
                        && login.get(1).asText().equals(options.get("password"));
        return same ? null : "login " + options;
    }

    private static Map<String, Object> fields(JsonNode given) {
        return JSON.convertValue(given.get("fields"), new TypeReference<Map<String, Object>>() {});
    }

    private static Map<String, String> texts(Map<?, ?> pairs) {
        Map<String, String> texts = new HashMap<>();
        pairs.forEach((name, value) -> texts.put((String) name, (String) value));
        return texts;
    }
}
