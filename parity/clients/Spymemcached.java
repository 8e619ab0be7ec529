import java.net.InetSocketAddress;
import java.util.*;
import java.util.concurrent.TimeUnit;
import net.spy.memcached.*;

/**
 * spymemcached. Options: locator (ARRAY_MOD or CONSISTENT), hash (a DefaultHashAlgorithm), format
 * (a KetamaNodeKeyFormatter.Format: of a ring with weights, if only of 1).
 */
public class Spymemcached {
    public static void main(String[] arguments) throws Exception {
        Lines.serve(Spymemcached::connect);
    }

    private static Lines.Client connect(
            Map<String, String> options, List<InetSocketAddress> servers, int[] weights)
            throws Exception {
        HashAlgorithm hash = DefaultHashAlgorithm.valueOf(options.get("hash"));
        String format = options.getOrDefault("format", "SPYMEMCACHED");
        boolean isWeighted = Arrays.stream(weights).anyMatch(it -> it != 1);
        ConnectionFactory factory =
                isWeighted || options.containsKey("format")
                        ? weighted(
                                hash,
                                KetamaNodeKeyFormatter.Format.valueOf(format),
                                servers,
                                weights)
                        : new ConnectionFactoryBuilder()
                                .setLocatorType(
                                        ConnectionFactoryBuilder.Locator.valueOf(
                                                options.get("locator")))
                                .setHashAlg(hash)
                                .setProtocol(ConnectionFactoryBuilder.Protocol.BINARY)
                                .build();
        MemcachedClient client = new MemcachedClient(factory, servers);
        awaitServers(client);
        return new Lines.Client() {
            public boolean set(String key, String value) throws Exception {
                return client.set(key, 0, value).get();
            }

            public Object get(String key) {
                return client.get(key);
            }

            public void end() {
                client.shutdown();
            }
        };
    }

    /** What is asked before all servers are connected goes to others, by "redistribution". */
    private static void awaitServers(MemcachedClient client) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (!client.getUnavailableServers().isEmpty() && System.nanoTime() < end) {
            Thread.sleep(1);
        }
    }

    private static ConnectionFactory weighted(
            HashAlgorithm hash,
            KetamaNodeKeyFormatter.Format format,
            List<InetSocketAddress> servers,
            int[] weights) {
        Map<InetSocketAddress, Integer> shares = new HashMap<>();
        for (int at = 0; at < weights.length; at++) shares.put(servers.get(at), weights[at]);
        return new KetamaConnectionFactory() {
            @Override
            public NodeLocator createLocator(List<MemcachedNode> nodes) {
                return new KetamaNodeLocator(nodes, hash, format, shares);
            }
        };
    }
}
