// The signing half of the `ollama` CLI, on Go's own crypto: what it does with OLLAMA_AUTH=1.
//
//	main key FILE NAME               makes a key, keeps its seed in FILE, prints its authorized_keys line
//	main call FILE METHOD PATH BODY  calls OLLAMA_HOST, prints the status and the answer
package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// part is a string of RFC 4251, section 5.
func part(text []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

func blob(key ed25519.PrivateKey) string {
	public := key.Public().(ed25519.PublicKey)
	return base64.StdEncoding.EncodeToString(append(part([]byte("ssh-ed25519")), part(public)...))
}

func call(key ed25519.PrivateKey, method, path, body string) {
	base, err := url.Parse(os.Getenv("OLLAMA_HOST"))
	must(err)
	now := strconv.FormatInt(time.Now().Unix(), 10)
	signature := ed25519.Sign(key, []byte(method+","+path+"?ts="+now))
	target := base.JoinPath(path)
	query := target.Query()
	query.Set("ts", now)
	target.RawQuery = query.Encode()
	request, err := http.NewRequest(method, target.String(), strings.NewReader(body))
	must(err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", blob(key)+":"+base64.StdEncoding.EncodeToString(signature))
	answer, err := http.DefaultClient.Do(request)
	must(err)
	text, err := io.ReadAll(answer.Body)
	must(err)
	fmt.Println(answer.StatusCode)
	fmt.Println(string(text))
}

func main() {
	args := os.Args[1:]
	if args[0] == "key" {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		must(err)
		must(os.WriteFile(args[1], key.Seed(), 0o600))
		fmt.Println("ssh-ed25519", blob(key), args[2])
		return
	}
	seed, err := os.ReadFile(args[1])
	must(err)
	call(ed25519.NewKeyFromSeed(seed), args[2], args[3], args[4])
}
