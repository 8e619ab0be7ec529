import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import net.spy.memcached.BinaryConnectionFactory;
import net.spy.memcached.CASResponse;
import net.spy.memcached.CASValue;
import net.spy.memcached.MemcachedClient;

/** spymemcached with its BinaryConnectionFactory. */
public class Frames {
    static void ok(String what, boolean is) {
        if (!is) {
            System.err.println(what);
            System.exit(1);
        }
    }

    public static void main(String[] given) throws Exception {
        InetSocketAddress address = new InetSocketAddress("127.0.0.1", Integer.parseInt(given[0]));
        MemcachedClient client =
                new MemcachedClient(new BinaryConnectionFactory(), List.of(address));
        ok("set", client.set("sp:a", 60, "value").get() && client.get("sp:a").equals("value"));
        ok("add", !client.add("sp:a", 0, "x").get() && client.replace("sp:a", 0, "y").get());
        Map<String, Object> many = new HashMap<>();
        for (int at = 0; at < 300; at++) {
            many.put("sp:" + at, "v" + at);
        }
        Future<Boolean> last = null;
        for (Map.Entry<String, Object> it : many.entrySet()) {
            last = client.set(it.getKey(), 60, it.getValue());
        }
        ok("sets", last.get());
        ok("getBulk", client.getBulk(many.keySet()).equals(many));
        CASValue<Object> found = client.gets("sp:a");
        ok("cas", client.cas("sp:a", found.getCas(), "z") == CASResponse.OK);
        ok("late cas", client.cas("sp:a", found.getCas(), "w") == CASResponse.EXISTS);
        ok("incr", client.incr("sp:n", 5, 10) == 10 && client.incr("sp:n", 5) == 15);
        ok("decr", client.decr("sp:n", 1) == 14);
        ok("append", client.append("sp:a", "!").get() && client.prepend("sp:a", "?").get());
        ok("appended", client.get("sp:a").equals("?z!"));
        ok("touch", client.touch("sp:a", 100).get());
        ok("getAndTouch", client.getAndTouch("sp:a", 100).getValue().equals("?z!"));
        ok("delete", client.delete("sp:a").get() && client.get("sp:a") == null);
        ok("stats", client.getStats().get(address).containsKey("pid"));
        ok("version", !client.getVersions().isEmpty());
        ok("flush", client.flush().get());
        client.shutdown();
    }
}
