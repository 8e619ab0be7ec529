import java.io.*;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.*;

/** The lines that the Java clients are told on stdin. lines.h says which there are. */
final class Lines {
    interface Client {
        boolean set(String key, String value) throws Exception;

        Object get(String key) throws Exception;

        void end() throws Exception;
    }

    interface Connect {
        Client to(Map<String, String> options, List<InetSocketAddress> servers, int[] weights)
                throws Exception;
    }

    static void serve(Connect connect) throws Exception {
        Map<String, String> options = new HashMap<>();
        List<InetSocketAddress> servers = new ArrayList<>();
        List<Integer> weights = new ArrayList<>();
        // The libraries do not tell their versions.
        StringBuilder out = new StringBuilder("=version\t\n");
        Client client = null;
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            String[] fields = line.split("\t", -1);
            if (fields[0].equals("option")) {
                options.put(fields[1], fields[2]);
                continue;
            }
            if (fields[0].equals("server")) {
                servers.add(new InetSocketAddress(fields[1], Integer.parseInt(fields[2])));
                weights.add(Integer.parseInt(fields[3]));
                continue;
            }
            if (client == null) {
                int[] all = weights.stream().mapToInt(Integer::intValue).toArray();
                client = connect.to(options, servers, all);
            }
            out.append(answer(client, fields)).append('\n');
        }
        System.out.write(out.toString().getBytes(StandardCharsets.UTF_8));
        System.out.flush();
        if (client != null) client.end();
        System.exit(0);
    }

    private static String answer(Client client, String[] fields) {
        boolean set = fields[0].equals("set");
        try {
            if (set) return client.set(fields[1], fields[2]) ? "=stored" : "=refused";
            Object value = client.get(fields[1]);
            return value == null ? "=miss" : "=hit\t" + value;
        } catch (Exception error) {
            System.err.println(fields[1] + ": " + error);
            return set ? "=refused" : "=miss";
        }
    }
}
