import java.net.InetSocketAddress;
import java.util.*;
import net.rubyeye.xmemcached.*;
import net.rubyeye.xmemcached.command.BinaryCommandFactory;
import net.rubyeye.xmemcached.impl.*;

/**
 * xmemcached. Options: locator (array, ketama or nginx), hash (a HashAlgorithm), resolve (true or
 * false).
 */
public class Xmemcached {
    public static void main(String[] arguments) throws Exception {
        Lines.serve(Xmemcached::connect);
    }

    private static Lines.Client connect(
            Map<String, String> options, List<InetSocketAddress> servers, int[] weights)
            throws Exception {
        XMemcachedClientBuilder builder = new XMemcachedClientBuilder(servers, weights);
        HashAlgorithm hash = HashAlgorithm.valueOf(options.get("hash"));
        if ("false".equals(options.get("resolve"))) builder.setResolveInetAddresses(false);
        builder.setCommandFactory(new BinaryCommandFactory());
        builder.setSessionLocator(
                switch (options.get("locator")) {
                    case "array" -> new ArrayMemcachedSessionLocator(hash);
                    case "nginx" -> new KetamaMemcachedSessionLocator(true);
                    default -> new KetamaMemcachedSessionLocator(hash);
                });
        MemcachedClient client = builder.build();
        return new Lines.Client() {
            public boolean set(String key, String value) throws Exception {
                return client.set(key, 0, value);
            }

            public Object get(String key) throws Exception {
                return client.get(key);
            }

            public void end() throws Exception {
                client.shutdown();
            }
        };
    }
}
