// English spelling to phonemes: run it where models/g2p-en is. docs/rust-go.md shows it as it is.
package main

import (
	"attend"
	"fmt"
	"log"
)

func main() {
	model, err := attend.Open("models/g2p-en", 0)
	if err != nil {
		log.Fatal(err)
	}
	session, err := model.Session()
	if err != nil {
		log.Fatal(err)
	}
	answers, err := session.Generate(`{"num_beams": 4}`, "hello", "attention")
	if err != nil {
		log.Fatal(err)
	}
	for _, answer := range answers {
		fmt.Printf("%s (%.2f)\n", answer[0].Text, answer[0].Score)
	}
	_, err = session.Stream("{}", "streams", func(piece string) bool {
		fmt.Print(piece)
		return true // false ends the call
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println()

	ids, _ := model.Tokenize("hello")
	states, _ := session.Encode(ids)
	fmt.Println(len(ids), "tokens,", states.Width, "numbers each")

	_, err = attend.Open("models/nowhere", 0)
	fmt.Println(err.(*attend.Error).Code == attend.NotFound, err)
}
