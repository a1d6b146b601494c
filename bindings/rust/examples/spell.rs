//! English spelling to phonemes: run it where models/g2p-en is. docs/rust-go.md shows it as it is.

use attend::Model;

fn main() -> attend::Result<()> {
    let model = Model::open("models/g2p-en")?;
    let mut session = model.session()?;

    for answer in session.generate(&["hello", "attention"], r#"{"num_beams": 4}"#)? {
        println!("{} ({:.2})", answer[0].text, answer[0].score);
    }
    session.stream("streams", "{}", |piece| {
        print!("{piece}");
        true // false ends the call
    })?;
    println!();

    let ids = model.tokenize("hello")?;
    let states = session.encode(&ids)?;
    println!("{} tokens, {} numbers each", ids.len(), states.width);

    let error = Model::open("models/nowhere").err().unwrap();
    println!("{:?}: {error}", error.code);
    Ok(())
}
