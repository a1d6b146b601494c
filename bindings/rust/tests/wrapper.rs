//! What the wrapper promises, in the root of the repository.

use attend::{ErrorCode, Model};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// A path of the repository, which stands two folders above this package.
fn repository(path: &str) -> String {
    format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))
}

fn spelling() -> Model {
    Model::open(&repository("models/g2p-en")).unwrap()
}

#[test]
fn texts_go_to_ids_and_back() {
    let model = spelling();
    assert_eq!(model.family(), "marian");
    assert!(attend::version().starts_with("0."));
    assert_eq!(model.tokenize("hello").unwrap().len(), 6);
    assert_eq!(model.tokenize("").unwrap().len(), 1);
    let error = model.detokenize(&[100_000]).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert!(error.to_string().contains("100000"));
}

#[test]
fn pieces_come_and_end() {
    let mut session = spelling().session().unwrap(); // which keeps its model
    let mut text = String::new();
    let found = session.stream("hello", "{}", |piece| {
        text += piece;
        true
    });
    assert_eq!(found.unwrap()[0].text, text);
    assert_eq!(text, "HH EH1 L OW0");
    assert_eq!(session.stream("hello", "{}", |_| false).unwrap_err().code, ErrorCode::Cancelled);
    let panic = catch_unwind(AssertUnwindSafe(|| session.stream("hello", "{}", |_| panic!("enough"))));
    assert_eq!(*panic.unwrap_err().downcast::<&str>().unwrap(), "enough");
    let again = session.generate(&["hello"], "{}").unwrap(); // it is none the worse
    assert_eq!(again[0][0].text, text);
    assert!(session.generate(&["a"], r#"{"num_beans": 4}"#).unwrap_err().message.contains("num_beans"));
    assert_eq!(session.generate(&["a"], "\0").unwrap_err().code, ErrorCode::InvalidArgument);
    assert_eq!(session.generate(&[], "{}").unwrap_err().code, ErrorCode::InvalidArgument);
}

#[test]
fn models_are_shared_by_threads() {
    let model = Model::open_with(&repository("models/g2p-en"), 1).unwrap();
    let spell = |word: &'static str| {
        let model = model.clone();
        std::thread::spawn(move || model.session().unwrap().generate(&[word], "{}").unwrap()[0][0].text.clone())
    };
    let (first, second) = (spell("hello"), spell("attention"));
    assert_eq!(first.join().unwrap(), "HH EH1 L OW0");
    assert_eq!(second.join().unwrap(), "AH0 T EH1 N SH AH0 N");
}

#[test]
fn states_and_embeddings_have_rows() {
    let model = spelling();
    let mut session = model.session().unwrap();
    let states = session.encode(&model.tokenize("hello").unwrap()).unwrap();
    assert_eq!((states.values.len(), states.row(5).len()), (6 * 128, 128));
    assert_eq!(session.encode(&[]).unwrap_err().code, ErrorCode::InvalidArgument);
    assert_eq!(session.embed(&["hello"]).unwrap_err().code, ErrorCode::Unsupported);
    let encoder = Model::open(&repository("Tests/Fixtures/tasks/masked")).unwrap();
    let vectors = encoder.session().unwrap().embed(&["paris", "slept under rain"]).unwrap();
    assert_eq!(vectors.values.len(), 2 * vectors.width);
}
