import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.springframework.http.client.ClientHttpRequestFactory;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;
import org.springframework.vault.VaultException;
import org.springframework.vault.authentication.AppRoleAuthentication;
import org.springframework.vault.authentication.AppRoleAuthenticationOptions;
import org.springframework.vault.authentication.AppRoleAuthenticationOptions.RoleId;
import org.springframework.vault.authentication.AppRoleAuthenticationOptions.SecretId;
import org.springframework.vault.authentication.LifecycleAwareSessionManager;
import org.springframework.vault.authentication.LifecycleAwareSessionManagerSupport.FixedTimeoutRefreshTrigger;
import org.springframework.vault.authentication.event.AfterLoginTokenRenewedEvent;
import org.springframework.vault.client.VaultClients;
import org.springframework.vault.client.VaultEndpoint;
import org.springframework.vault.core.VaultKeyValueOperationsSupport.KeyValueBackend;
import org.springframework.vault.core.VaultTemplate;
import org.springframework.vault.core.lease.SecretLeaseContainer;
import org.springframework.vault.core.lease.domain.RequestedSecret;
import org.springframework.vault.core.lease.event.SecretLeaseCreatedEvent;
import org.springframework.vault.support.Versioned;
import org.springframework.vault.support.VaultMount;
import org.springframework.vault.support.VaultToken;
import org.springframework.vault.support.VaultTokenRequest;
import org.springframework.web.client.HttpStatusCodeException;
import org.springframework.web.client.RestTemplate;

/**
 * Calls a server through Spring Vault, and prints what that made of each answer as one
 * JSON object for each call.
 *
 * <p>Arguments: the address of the server, a role id and a secret id of the method
 * {@code approle}, and the path of credentials whose leases last for six seconds.
 */
final class SpringVault {
    private static final ObjectMapper JSON = new ObjectMapper();
    /** Tokens last for nine seconds and leases for six; both are renewed this long before. */
    private static final Duration BEFORE_THE_END = Duration.ofSeconds(4);
    private static final int PATIENCE_SECONDS = 30;

    private interface Call {
        Object make() throws Exception;
    }

    private final VaultTemplate vault;

    private SpringVault(VaultTemplate vault) {
        this.vault = vault;
    }

    public static void main(String[] arguments) throws Exception {
        VaultEndpoint endpoint = VaultEndpoint.from(new URI(arguments[0]));
        ClientHttpRequestFactory requests = new JdkClientHttpRequestFactory();
        RestTemplate rest = VaultClients.createRestTemplate(endpoint, requests);
        AppRoleAuthenticationOptions options = AppRoleAuthenticationOptions.builder()
                .roleId(RoleId.provided(arguments[1]))
                .secretId(SecretId.provided(arguments[2]))
                .build();
        ThreadPoolTaskScheduler scheduler = new ThreadPoolTaskScheduler();
        scheduler.setDaemon(true);
        scheduler.initialize();
        LifecycleAwareSessionManager session = new LifecycleAwareSessionManager(
                new AppRoleAuthentication(options, rest), scheduler, rest,
                new FixedTimeoutRefreshTrigger(BEFORE_THE_END.toSeconds(), TimeUnit.SECONDS));
        BlockingQueue<String> renewals = new LinkedBlockingQueue<>();
        session.addAuthenticationListener(event -> {
            if (event instanceof AfterLoginTokenRenewedEvent) {
                renewals.add("renewed");
            }
        });
        VaultTemplate vault = new VaultTemplate(endpoint, requests, session);
        vault.afterPropertiesSet();
        SpringVault calls = new SpringVault(vault);
        calls.tell("login", () -> calls.lookupSelf());
        calls.state();
        calls.secrets();
        calls.tokens();
        calls.wrapping();
        calls.leases(scheduler, arguments[3]);
        calls.tell("session renews its token", () -> twice(renewals));
        String token = session.getSessionToken().getToken();
        session.destroy();
        calls.tell("a session that ended", () -> {
            try {
                String path = arguments[0] + "/v1/auth/token/lookup-self";
                return new RestTemplate().postForObject(path, Map.of("token", token), Map.class);
            } catch (HttpStatusCodeException refused) {
                return refused.getStatusCode().value();
            }
        });
        vault.destroy();
    }

    private void tell(String call, Call of) throws Exception {
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("call", call);
        try {
            told.put("ok", of.make());
        } catch (VaultException | org.springframework.web.client.RestClientException error) {
            told.put("failed", error.getMessage().lines().findFirst().orElse(""));
        }
        System.out.println(JSON.writeValueAsString(told));
    }

    private Object lookupSelf() {
        Map<String, Object> data = vault.read("auth/token/lookup-self").getRequiredData();
        return new Object[] {data.get("policies"), data.get("display_name"), data.get("meta")};
    }

    private void state() throws Exception {
        var sys = vault.opsForSys();
        tell("isInitialized", sys::isInitialized);
        tell("health", () -> {
            var health = sys.health();
            return new Object[] {health.isInitialized(), health.isSealed(), health.isStandby()};
        });
        tell("getUnsealStatus", () -> {
            var status = sys.getUnsealStatus();
            return new Object[] {status.isSealed(), status.getSecretThreshold(), status.getSecretShares()};
        });
        tell("mount", () -> {
            sys.mount("spring", VaultMount.builder().type("kv")
                    .options(Map.of("version", "2")).description("of Spring").build());
            return true;
        });
        tell("getMounts", () -> {
            VaultMount mount = sys.getMounts().get("spring/");
            return new Object[] {mount.getType(), mount.getDescription(), mount.getOptions()};
        });
        tell("getPolicyNames", () -> new TreeSet<>(sys.getPolicyNames()));
    }

    private void secrets() throws Exception {
        var versions = vault.opsForVersionedKeyValue("spring");
        for (String value : new String[] {"first", "second"}) {
            tell("versioned put", () -> versions.put("app/orders", Map.of("password", value))
                    .getVersion().getVersion());
        }
        tell("versioned put with a wrong version", () -> versions.put("app/orders",
                Versioned.create(Map.of("password", "third"), Versioned.Version.from(1))));
        tell("versioned get", () -> versions.get("app/orders").getData());
        tell("versioned get of the first", () -> versions
                .get("app/orders", Versioned.Version.from(1)).getData());
        tell("versioned delete", () -> {
            versions.delete("app/orders", Versioned.Version.from(1));
            return versions.get("app/orders", Versioned.Version.from(1)).hasData();
        });
        tell("versioned undelete", () -> {
            versions.undelete("app/orders", Versioned.Version.from(1));
            return versions.get("app/orders", Versioned.Version.from(1)).hasData();
        });
        tell("versioned destroy", () -> {
            versions.destroy("app/orders", Versioned.Version.from(1));
            return versions.opsForKeyValueMetadata().get("app/orders").getVersions().size();
        });
        tell("versioned list", () -> versions.list("app"));
        var plain = vault.opsForKeyValue("spring", KeyValueBackend.KV_2);
        tell("patch", () -> plain.patch("app/orders", Map.of("user", "orders")));
        tell("get", () -> new java.util.TreeMap<>(plain.get("app/orders").getRequiredData()));
        tell("get of nothing", () -> plain.get("app/none"));
        tell("unmount", () -> {
            vault.opsForSys().unmount("spring");
            return true;
        });
    }

    private void tokens() throws Exception {
        var tokens = vault.opsForToken();
        tell("token create, renew, revoke", () -> {
            var made = tokens.create(VaultTokenRequest.builder().ttl(1, TimeUnit.HOURS)
                    .withPolicy("default").renewable().build());
            var renewed = tokens.renew(made.getToken());
            tokens.revoke(made.getToken());
            Object ttl = ((Number) renewed.getAuth().get("lease_duration")).longValue();
            return new Object[] {made.getAuth().get("policies"), ttl};
        });
        tell("createOrphan", () -> {
            var made = tokens.createOrphan();
            tokens.revokeOrphan(made.getToken());
            return made.getAuth().get("orphan");
        });
    }

    private void wrapping() throws Exception {
        var wrapping = vault.opsForWrapping();
        var wrapped = wrapping.wrap(Map.of("note", "canary"), Duration.ofMinutes(5));
        VaultToken token = wrapped.getToken();
        tell("wrapping lookup", () -> {
            var about = wrapping.lookup(token);
            return new Object[] {about.getTtl().toSeconds(), about.getPath()};
        });
        VaultToken next = wrapping.rewrap(token).getToken();
        tell("unwrap", () -> wrapping.read(next).getRequiredData());
        tell("unwrap again", () -> wrapping.read(next));
    }

    private void leases(ThreadPoolTaskScheduler scheduler, String path) throws Exception {
        SecretLeaseContainer container = new SecretLeaseContainer(vault, scheduler);
        container.setMinRenewal(Duration.ofSeconds(1));
        container.setExpiryThreshold(BEFORE_THE_END);
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        BlockingQueue<String> renewals = new LinkedBlockingQueue<>();
        container.addLeaseListener(event -> {
            if (event instanceof SecretLeaseCreatedEvent created) {
                events.add(created.getLease().getLeaseId());
            } else if (event.getClass().getSimpleName().contains("Renewed")) {
                renewals.add("renewed");
            }
        });
        container.addErrorListener((event, error) -> System.err.println(error));
        container.afterPropertiesSet();
        container.start();
        container.addRequestedSecret(RequestedSecret.renewable(path));
        String lease = events.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
        tell("container renews a lease", () -> twice(renewals));
        container.destroy();
        tell("container revokes its lease", () -> {
            vault.write("sys/leases/lookup", Map.of("lease_id", lease));
            return "it is there";
        });
    }

    private static Object twice(BlockingQueue<String> events) throws InterruptedException {
        String first = events.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
        return new String[] {first, events.poll(PATIENCE_SECONDS, TimeUnit.SECONDS)};
    }
}
