// gomemcache. lines.h says what is told on stdin.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

func main() {
	in := bufio.NewScanner(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	// The library does not tell its version.
	fmt.Fprintln(out, "=version\t")
	var servers []string
	var client *memcache.Client
	for in.Scan() {
		fields := strings.Split(in.Text(), "\t")
		if fields[0] == "server" {
			address := fields[1]
			if fields[2] != "0" {
				address += ":" + fields[2]
			}
			servers = append(servers, address)
			continue
		}
		if client == nil {
			client = memcache.New(servers...)
			client.Timeout = 10 * time.Second
		}
		key := fields[1]
		if fields[0] == "set" {
			if client.Set(&memcache.Item{Key: key, Value: []byte(fields[2])}) == nil {
				fmt.Fprintln(out, "=stored")
			} else {
				fmt.Fprintln(out, "=refused")
			}
		} else if item, err := client.Get(key); err == nil {
			fmt.Fprintf(out, "=hit\t%s\n", item.Value)
		} else {
			fmt.Fprintln(out, "=miss")
		}
	}
}
