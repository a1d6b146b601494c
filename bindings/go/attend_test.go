package attend

import (
	"errors"
	"strings"
	"testing"
)

const spelling = "../../models/g2p-en"

func open(t *testing.T) (*Model, *Session) {
	t.Helper()
	model, err := Open(spelling, 1)
	if err != nil {
		t.Fatal(err)
	}
	session, err := model.Session()
	if err != nil {
		t.Fatal(err)
	}
	return model, session
}

// fails says that an error has this code, and that its sentence holds a part.
func fails(t *testing.T, err error, code ErrorCode, part string) {
	t.Helper()
	var told *Error
	if !errors.As(err, &told) || told.Code != code || !strings.Contains(told.Message, part) {
		t.Errorf("%v is not of code %d with %q", err, code, part)
	}
}

func TestTextsGoToIDsAndBack(t *testing.T) {
	model, _ := open(t)
	ids, err := model.Tokenize("hello")
	if err != nil || len(ids) != 6 || !strings.HasPrefix(Version(), "0.") {
		t.Fatal(ids, err)
	}
	if empty, err := model.Tokenize(""); err != nil || len(empty) != 1 {
		t.Error(empty, err)
	}
	_, err = model.Detokenize([]int32{100000})
	fails(t, err, InvalidArgument, "100000")
	_, err = Open("/nowhere", 0)
	fails(t, err, NotFound, "/nowhere")
	model.Close()
	model.Close()
	_, err = model.Tokenize("hello")
	fails(t, err, InvalidArgument, "model")
}

func TestPiecesComeAndEnd(t *testing.T) {
	model, session := open(t)
	model.Close() // the session keeps it
	text := ""
	found, err := session.Stream("{}", "hello", func(piece string) bool {
		text += piece
		return true
	})
	if err != nil || text != "HH EH1 L OW0" || found[0].Text != text {
		t.Fatal(text, found, err)
	}
	_, err = session.Stream("{}", "hello", func(string) bool { return false })
	fails(t, err, Cancelled, "")
	func() {
		defer func() {
			if found := recover(); found != "enough" {
				t.Error(found)
			}
		}()
		_, _ = session.Stream("{}", "hello", func(string) bool { panic("enough") })
	}()
	again, err := session.Generate(`{"num_beams": 2, "num_return_sequences": 2}`, "hello", "attention")
	if err != nil || again[0][0].Text != text || len(again[1]) != 2 || again[1][0].Score < again[1][1].Score {
		t.Error(again, err)
	}
	_, err = session.Generate(`{"num_beans": 2}`, "hello")
	fails(t, err, InvalidArgument, "num_beans")
	_, err = session.Generate("{}")
	fails(t, err, InvalidArgument, "")
	session.Close()
	_, err = session.Generate("{}", "hello")
	fails(t, err, InvalidArgument, "session")
}

func TestStatesAndEmbeddingsHaveRows(t *testing.T) {
	model, session := open(t)
	ids, _ := model.Tokenize("hello")
	states, err := session.Encode(ids)
	if err != nil || states.Width != 128 || len(states.Values) != 6*128 || len(states.Row(5)) != 128 {
		t.Error(states.Width, err)
	}
	_, err = session.Encode(nil)
	fails(t, err, InvalidArgument, "")
	_, err = session.Embed("hello")
	fails(t, err, Unsupported, "")
	encoder, err := Open("../../Tests/Fixtures/tasks/masked", 1)
	if err != nil {
		t.Fatal(err)
	}
	reading, err := encoder.Session()
	if err != nil {
		t.Fatal(err)
	}
	vectors, err := reading.Embed("paris", "slept under rain")
	if err != nil || len(vectors.Values) != 2*vectors.Width || vectors.Width == 0 {
		t.Error(vectors.Width, err)
	}
}
