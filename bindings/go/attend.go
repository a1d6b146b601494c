// Package attend runs transformer checkpoints inside a program: a wrapper over attend.h.
//
// A Model is immutable and shared by goroutines; a Session is used by one at a time. What fails is an *Error with the
// library's code and sentence. Close gives memory back at once; what is not closed is freed with its last reference.
// No panic crosses C: one in a callback stops the call, and goes on from there.
package attend

/*
#cgo CFLAGS: -I${SRCDIR}/../../include
#cgo LDFLAGS: -lattend
#include <attend.h>
#include <stdlib.h>

attend_verdict attend_go_hear(attend_token_event *event, void *context);

// The header's initializers are macros, which Go does not see.
static attend_model_options model_options(void) { return (attend_model_options)ATTEND_MODEL_OPTIONS_INIT; }
static attend_batch batch(void) { return (attend_batch)ATTEND_BATCH_INIT; }
static attend_hypothesis hypothesis(void) { return (attend_hypothesis)ATTEND_HYPOTHESIS_INIT; }

static attend_verdict hear(const attend_token_event *event, void *context) {
    return attend_go_hear((attend_token_event *)event, context);
}

// `listener` is the number of a Go value, which C must not take for an address before it is one.
static attend_error *generate(
    attend_session *session, const char *const *texts, const size_t *lengths, size_t count, const char *config,
    uintptr_t listener, attend_generation **generation) {
    attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
    options.config = config;
    if (listener) options.on_token = hear, options.on_token_context = (void *)listener;
    return attend_generate_texts(session, texts, lengths, count, &options, generation);
}
*/
import "C"

import (
	"runtime"
	"runtime/cgo"
	"unsafe"
)

// ErrorCode says why a call failed.
type ErrorCode int

const (
	InvalidArgument ErrorCode = C.ATTEND_ERROR_INVALID_ARGUMENT
	OutOfMemory     ErrorCode = C.ATTEND_ERROR_OUT_OF_MEMORY
	NotFound        ErrorCode = C.ATTEND_ERROR_NOT_FOUND
	IO              ErrorCode = C.ATTEND_ERROR_IO
	InvalidFile     ErrorCode = C.ATTEND_ERROR_INVALID_FILE
	Unsupported     ErrorCode = C.ATTEND_ERROR_UNSUPPORTED
	InvalidState    ErrorCode = C.ATTEND_ERROR_INVALID_STATE
	Busy            ErrorCode = C.ATTEND_ERROR_BUSY
	Cancelled       ErrorCode = C.ATTEND_ERROR_CANCELLED
	Internal        ErrorCode = C.ATTEND_ERROR_INTERNAL
)

// Error is what went wrong: a sentence that names the file, tensor or argument and the numbers.
type Error struct {
	Code    ErrorCode
	Message string
}

func (e *Error) Error() string { return e.Message }

// check gives the error that a call of the header returned, which is freed.
func check(failure *C.attend_error) error {
	if failure == nil {
		return nil
	}
	defer C.attend_error_free(failure)
	return &Error{ErrorCode(C.attend_error_get_code(failure)), C.GoString(C.attend_error_message(failure))}
}

// Version is that of the library that is running.
func Version() string { return C.GoString(C.attend_version_string()) }

// Model is a loaded checkpoint: weights, configuration, tokenizer.
type Model struct{ handle *C.attend_model }

// Open loads the checkpoint at a path; threads 0: one for each processor.
func Open(path string, threads int) (*Model, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	options := C.model_options()
	options.threads = C.uint32_t(threads)
	model := &Model{}
	if err := check(C.attend_model_create(name, &options, &model.handle)); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(model, (*Model).Close)
	return model, nil
}

// Close frees the model, when the last session of it is closed. Using it afterwards is an error.
func (m *Model) Close() {
	C.attend_model_free(m.handle)
	m.handle = nil
}

func (m *Model) tokenizer() (*C.attend_tokenizer, error) {
	var tokenizer *C.attend_tokenizer
	err := check(C.attend_model_tokenizer(m.handle, &tokenizer))
	return tokenizer, err
}

// Tokenize makes ids of a text, with the special tokens of the model's template.
func (m *Model) Tokenize(text string) ([]int32, error) {
	defer runtime.KeepAlive(m)
	tokenizer, err := m.tokenizer()
	if err != nil {
		return nil, err
	}
	bytes := C.CString(text)
	defer C.free(unsafe.Pointer(bytes))
	var encoding *C.attend_encoding
	if err := check(C.attend_tokenizer_encode(tokenizer, bytes, C.size_t(len(text)), nil, &encoding)); err != nil {
		return nil, err
	}
	defer C.attend_encoding_free(encoding)
	var count C.size_t
	ids := C.attend_encoding_ids(encoding, &count)
	return copied[int32](unsafe.Pointer(ids), count), nil
}

// Detokenize makes a text of ids, special tokens left out.
func (m *Model) Detokenize(ids []int32) (string, error) {
	defer runtime.KeepAlive(m)
	tokenizer, err := m.tokenizer()
	if err != nil {
		return "", err
	}
	var text *C.attend_text
	if err := check(C.attend_tokenizer_decode(tokenizer, first(ids), C.size_t(len(ids)), nil, &text)); err != nil {
		return "", err
	}
	defer C.attend_text_free(text)
	var length C.size_t
	bytes := C.attend_text_bytes(text, &length)
	return string(copied[byte](unsafe.Pointer(bytes), length)), nil
}

// Session holds the live sequences of one caller: one goroutine at a time. It keeps its model.
type Session struct {
	handle *C.attend_session
}

// Session makes a session of the model.
func (m *Model) Session() (*Session, error) {
	defer runtime.KeepAlive(m)
	session := &Session{}
	if err := check(C.attend_session_create(m.handle, nil, &session.handle)); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(session, (*Session).Close)
	return session, nil
}

// Close frees the session. Using it afterwards is an error.
func (s *Session) Close() {
	C.attend_session_free(s.handle)
	s.handle = nil
}

// Rows are numbers in rows: Values is [rows, Width].
type Rows struct {
	Values []float32
	Width  int
}

// Row is one of them.
func (r Rows) Row(index int) []float32 { return r.Values[index*r.Width : (index+1)*r.Width] }

// Encode gives the hidden states of a sequence of ids, a row for each token.
func (s *Session) Encode(ids []int32) (Rows, error) {
	defer runtime.KeepAlive(s)
	tokens := C.CBytes(unsafe.Slice((*byte)(unsafe.Pointer(first(ids))), 4*len(ids)))
	length := (*C.size_t)(C.malloc(C.size_t(unsafe.Sizeof(C.size_t(0)))))
	defer C.free(tokens)
	defer C.free(unsafe.Pointer(length))
	*length = C.size_t(len(ids))
	batch := C.batch()
	batch.tokens, batch.lengths, batch.count = (*C.int32_t)(tokens), length, 1
	if err := check(C.attend_encode(s.handle, &batch)); err != nil {
		return Rows{}, err
	}
	var states C.attend_tensor
	if err := check(C.attend_session_hidden_states(s.handle, &states)); err != nil {
		return Rows{}, err
	}
	return rows(states), nil
}

// Embed gives a vector for each text.
func (s *Session) Embed(texts ...string) (Rows, error) {
	defer runtime.KeepAlive(s)
	all := newTexts(texts)
	defer all.free()
	var found C.attend_tensor
	if err := check(C.attend_embed(s.handle, all.starts, all.lengths, all.count, nil, &found)); err != nil {
		return Rows{}, err
	}
	return rows(found), nil
}

// Hypothesis is a sequence that was generated.
type Hypothesis struct {
	Text  string
	IDs   []int32
	Score float64 // NaN: nothing is ranked
}

// Generate writes for each text, the best sequence first; config is a JSON object of options (docs/generation.md).
func (s *Session) Generate(config string, texts ...string) ([][]Hypothesis, error) {
	return s.generate(config, texts, nil)
}

// Stream writes for one text, and hands over the pieces as they are certain; false ends the call with Cancelled.
func (s *Session) Stream(config string, text string, listener func(piece string) bool) ([]Hypothesis, error) {
	found, err := s.generate(config, []string{text}, listener)
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// listening is a listener, and what it panicked with.
type listening struct {
	listener func(piece string) bool
	panicked any
}

//export attend_go_hear
func attend_go_hear(event *C.attend_token_event, context unsafe.Pointer) (verdict C.attend_verdict) {
	l := cgo.Handle(uintptr(context)).Value().(*listening)
	defer func() {
		if l.panicked = recover(); l.panicked != nil {
			verdict = C.ATTEND_VERDICT_END_ALL
		}
	}()
	if !l.listener(string(copied[byte](unsafe.Pointer(event.text), event.text_length))) {
		return C.ATTEND_VERDICT_END_ALL
	}
	return C.ATTEND_VERDICT_GO_ON
}

func (s *Session) generate(config string, texts []string, listener func(piece string) bool) ([][]Hypothesis, error) {
	defer runtime.KeepAlive(s)
	all, options := newTexts(texts), C.CString(config)
	defer all.free()
	defer C.free(unsafe.Pointer(options))
	l := &listening{listener: listener}
	var number cgo.Handle
	if listener != nil {
		number = cgo.NewHandle(l)
		defer number.Delete()
	}
	var generation *C.attend_generation
	err := check(C.generate(s.handle, all.starts, all.lengths, all.count, options, C.uintptr_t(number), &generation))
	defer C.attend_generation_free(generation)
	if l.panicked != nil {
		panic(l.panicked)
	}
	if err != nil {
		return nil, err
	}
	return hypotheses(generation)
}

// hypotheses copies what was generated.
func hypotheses(generation *C.attend_generation) ([][]Hypothesis, error) {
	answers := make([][]Hypothesis, C.attend_generation_count(generation))
	for request := range answers {
		count := C.attend_generation_hypothesis_count(generation, C.size_t(request))
		for index := C.size_t(0); index < count; index++ {
			raw := C.hypothesis()
			err := check(C.attend_generation_get_hypothesis(generation, C.size_t(request), index, &raw))
			if err != nil {
				return nil, err
			}
			answers[request] = append(answers[request], Hypothesis{
				Text:  string(copied[byte](unsafe.Pointer(raw.text), raw.text_length)),
				IDs:   copied[int32](unsafe.Pointer(raw.ids), raw.count)[raw.prompt_count:],
				Score: float64(raw.score),
			})
		}
	}
	return answers, nil
}

// texts are texts as the header takes them, in C's memory.
type texts struct {
	starts  **C.char
	lengths *C.size_t
	count   C.size_t
}

func newTexts(all []string) texts {
	count := C.size_t(len(all))
	t := texts{
		(**C.char)(C.calloc(count+1, C.size_t(unsafe.Sizeof((*C.char)(nil))))),
		(*C.size_t)(C.calloc(count+1, C.size_t(unsafe.Sizeof(C.size_t(0))))), count,
	}
	for i, text := range all {
		unsafe.Slice(t.starts, len(all))[i] = C.CString(text)
		unsafe.Slice(t.lengths, len(all))[i] = C.size_t(len(text))
	}
	return t
}

func (t texts) free() {
	for _, start := range unsafe.Slice(t.starts, int(t.count)) {
		C.free(unsafe.Pointer(start))
	}
	C.free(unsafe.Pointer(t.starts))
	C.free(unsafe.Pointer(t.lengths))
}

// rows copies what a session lends until its next call.
func rows(tensor C.attend_tensor) Rows {
	count, width := C.size_t(1), 0
	for _, dimension := range tensor.shape[:tensor.rank] {
		count *= dimension
		width = int(dimension)
	}
	return Rows{copied[float32](tensor.data, count), width}
}

// copied copies numbers of C's.
func copied[T any](start unsafe.Pointer, count C.size_t) []T {
	return append([]T(nil), unsafe.Slice((*T)(start), int(count))...)
}

// first is the address of ids, for the time of a call.
func first(ids []int32) *C.int32_t {
	if len(ids) == 0 {
		return nil
	}
	return (*C.int32_t)(unsafe.Pointer(&ids[0]))
}
