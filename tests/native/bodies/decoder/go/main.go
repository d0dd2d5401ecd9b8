// What Go's own decoders make of request bodies, read in the ways in which Ollama reads them.
//
// In: frames, each a byte of kind, a length of four bytes (big-endian), and that many bytes.
// Out: a line of JSON for each.
//
//	j  a JSON body
//	f  a form: Content-Type, a newline, the query, a newline, the body
//	c  no bytes: the letters beyond ASCII that fold to one of ASCII
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"
	"unicode"
)

// Lasting is a keep_alive: seconds or a duration, where negative is for ever.
type Lasting struct{ time.Duration }

func (l *Lasting) UnmarshalJSON(text []byte) error {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return err
	}
	switch value := value.(type) {
	case float64:
		l.Duration = time.Duration(value * float64(time.Second))
		if value < 0 {
			l.Duration = math.MaxInt64
		}
		return nil
	case string:
		parsed, err := time.ParseDuration(value)
		l.Duration = parsed
		if parsed < 0 {
			l.Duration = math.MaxInt64
		}
		return err
	default:
		return errors.New("neither a number nor a string")
	}
}

// Generate is what /api/generate and /api/chat take, of that which matters.
type Generate struct {
	Model           string         `json:"model"`
	Stream          *bool          `json:"stream,omitempty"`
	Raw             bool           `json:"raw,omitempty"`
	Template        string         `json:"template"`
	KeepAlive       *Lasting       `json:"keep_alive,omitempty"`
	Options         map[string]any `json:"options"`
	DebugRenderOnly bool           `json:"_debug_render_only,omitempty"`
}

// Named is what pull, push, delete and show take.
type Named struct {
	Model string `json:"model"`
	Name  string `json:"name"`
}

// Create is what /api/create takes, of that which matters; Path and Modelfile before Ollama 0.5.5.
type Create struct {
	Model      string            `json:"model"`
	Name       string            `json:"name"`
	Path       string            `json:"path"`
	Modelfile  string            `json:"modelfile"`
	From       string            `json:"from,omitempty"`
	RemoteHost string            `json:"remote_host,omitempty"`
	Files      map[string]string `json:"files,omitempty"`
	DraftFiles map[string]string `json:"draft_files,omitempty"`
	Adapters   map[string]string `json:"adapters,omitempty"`
	Template   string            `json:"template,omitempty"`
	Parameters map[string]any    `json:"parameters,omitempty"`
}

// Copied is what /api/copy takes.
type Copied struct {
	Source      string `json:"source"`
	Destination string `json:"destination"`
}

// Limited is what the routes of /v1 take between them.
type Limited struct {
	Model               string `json:"model"`
	Stream              bool   `json:"stream"`
	MaxTokens           *int   `json:"max_tokens"`
	MaxCompletionTokens *int   `json:"max_completion_tokens"`
	MaxOutputTokens     *int   `json:"max_output_tokens"`
}

// Tooled is what /v1/messages and /v1/responses take.
type Tooled struct {
	Tools []struct {
		Type string `json:"type"`
	} `json:"tools,omitempty"`
}

// first decodes the first document of body, as gin does; what follows it is not looked at.
func first(body []byte, into any) bool {
	return json.NewDecoder(bytes.NewReader(body)).Decode(into) == nil
}

func option(options map[string]any, name string) (any, error) {
	switch value := options[name].(type) {
	case nil:
		return nil, nil
	case float64:
		return int64(value), nil
	default:
		return nil, errors.New("not a number")
	}
}

func generate(body []byte) any {
	var request Generate
	err := json.NewDecoder(bytes.NewReader(body)).Decode(&request)
	var unfit *json.UnmarshalTypeError
	if errors.As(err, &unfit) && unfit.Type.Kind() == reflect.Float64 {
		return "an option beyond float64"
	}
	if err != nil {
		return nil
	}
	context, contextErr := option(request.Options, "num_ctx")
	predict, predictErr := option(request.Options, "num_predict")
	if contextErr != nil || predictErr != nil {
		return nil
	}
	var lasting any
	if request.KeepAlive != nil {
		lasting = int64(request.KeepAlive.Duration)
	}
	return map[string]any{
		"model": request.Model, "stream": request.Stream, "raw": request.Raw,
		"keep_alive": lasting, "num_ctx": context, "num_predict": predict,
		"debug": request.DebugRenderOnly, "template": request.Template != "",
	}
}

func create(body []byte) any {
	var request Create
	err := json.NewDecoder(bytes.NewReader(body)).Decode(&request)
	var unfit *json.UnmarshalTypeError
	if errors.As(err, &unfit) {
		// The type of a digest, or a parameter beyond float64.
		member, _, _ := strings.Cut(unfit.Field, ".")
		isMap := member == "files" || member == "draft_files" || member == "adapters"
		isDigest := isMap && unfit.Type.Kind() == reflect.String
		if isDigest || unfit.Type.Kind() == reflect.Float64 {
			return "what the gate does not look at"
		}
	}
	if err != nil {
		return nil
	}
	context, contextErr := option(request.Parameters, "num_ctx")
	predict, predictErr := option(request.Parameters, "num_predict")
	if contextErr != nil || predictErr != nil {
		return nil
	}
	return map[string]any{
		"model": request.Model, "name": request.Name, "from": request.From,
		"remote_host": request.RemoteHost, "template": request.Template != "",
		"blobs":     len(request.Files)+len(request.DraftFiles)+len(request.Adapters) > 0,
		"modelfile": request.Modelfile != "" || request.Path != "",
		"num_ctx":   context, "num_predict": predict,
	}
}

func decoded[T any](body []byte) any {
	var request T
	if !first(body, &request) {
		return nil
	}
	return request
}

// searching tells of tools of web search: as /v1/messages finds them, and as /v1/responses does.
func searching(body []byte) any {
	var request Tooled
	if !first(body, &request) {
		return nil
	}
	found := false
	for _, tool := range request.Tools {
		found = found || strings.HasPrefix(strings.TrimSpace(tool.Type), "web_search")
	}
	return found
}

// exact is the second reader of /v1: a map, so names match exactly, and nothing may follow.
func exact(body []byte) any {
	var request map[string]json.RawMessage
	if json.Unmarshal(body, &request) != nil {
		return nil
	}
	var model string
	if raw, ok := request["model"]; ok && json.Unmarshal(raw, &model) != nil {
		return nil
	}
	return strings.TrimSpace(model)
}

func read(body []byte) any {
	return map[string]any{
		"generate": generate(body), "named": decoded[Named](body), "copied": decoded[Copied](body),
		"created": create(body), "limited": decoded[Limited](body), "searching": searching(body), "exact": exact(body),
	}
}

// form reads a form as /v1/audio/transcriptions does.
func form(frame []byte) any {
	parts := bytes.SplitN(frame, []byte("\n"), 3)
	target := "http://ollama/v1/audio/transcriptions"
	request, err := http.NewRequest("POST", target, bytes.NewReader(parts[2]))
	must(err)
	request.URL.RawQuery = string(parts[1])
	request.Header.Set("Content-Type", string(parts[0]))
	if request.ParseMultipartForm(25<<20) != nil {
		return nil
	}
	defer request.MultipartForm.RemoveAll()
	return []byte(request.FormValue("model"))
}

// folding are the letters beyond ASCII that fold to a letter of ASCII.
func folding() any {
	letters := []rune{}
	for letter := rune(0x80); letter <= unicode.MaxRune; letter++ {
		for other := unicode.SimpleFold(letter); other != letter; other = unicode.SimpleFold(other) {
			if other < 0x80 {
				letters = append(letters, letter)
				break
			}
		}
	}
	return letters
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	defer out.Flush()
	answers := json.NewEncoder(out)
	for {
		kind, err := in.ReadByte()
		if err == io.EOF {
			return
		}
		must(err)
		var length uint32
		must(binary.Read(in, binary.BigEndian, &length))
		frame := make([]byte, length)
		_, err = io.ReadFull(in, frame)
		must(err)
		switch kind {
		case 'j':
			must(answers.Encode(read(frame)))
		case 'f':
			must(answers.Encode(form(frame)))
		case 'c':
			must(answers.Encode(folding()))
		default:
			must(fmt.Errorf("no frame is of kind %q", kind))
		}
	}
}
