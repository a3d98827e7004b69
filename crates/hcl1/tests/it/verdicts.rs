//! Texts, each with the verdict of OpenBao 2.7.2 on its syntax. The acceptance
//! test `policies::syntax` asks the real one for the same table.

use serde::Deserialize;

#[derive(Deserialize)]
struct Row {
    text: String,
    /// Whether OpenBao can read it, whatever it thinks of its meaning.
    accepted: bool,
    /// Why we decide otherwise.
    differs: Option<String>,
}

#[test]
fn every_text_of_the_table_gets_the_verdict_of_openbao() {
    let rows: Vec<Row> = serde_json::from_str(include_str!("../verdicts.json")).unwrap();
    assert!(rows.len() > 200);
    for row in rows {
        let expected = row.accepted != row.differs.is_some();
        let read = hcl1::parse(&row.text);
        assert_eq!(read.is_ok(), expected, "{:?}: {read:?}", row.text);
    }
}

#[test]
fn we_only_differ_by_being_stricter() {
    let rows: Vec<Row> = serde_json::from_str(include_str!("../verdicts.json")).unwrap();
    assert!(rows.iter().all(|row| row.accepted || row.differs.is_none()));
}
