//! What every store promises, tried on each of them.

use logical::{Condition, Storage, Write};

use crate::{MemoryStorage, SqliteStorage};

/// Runs each test on every store.
macro_rules! for_every_store {
    ($($name:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&super::MemoryStorage::new()).await;
            })+
        }
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                let store = super::SqliteStorage::open(folder.path().join("store.db")).unwrap();
                super::$name(&store).await;
            })+
        }
    };
}

for_every_store!(
    a_value_is_what_was_put_last_until_it_is_deleted,
    keys_and_values_may_be_any_text_and_any_bytes,
    a_list_shows_one_level_in_order_with_folders_marked,
    a_prefix_may_end_inside_a_name,
    pages_follow_each_other_without_gap,
    a_batch_is_applied_in_order,
    a_batch_is_applied_only_if_all_its_conditions_hold,
    of_many_who_want_a_key_one_gets_it,
);

async fn fill(store: &dyn Storage, keys: &[&str]) {
    for key in keys {
        store.put(key, b"value").await.unwrap();
    }
}

async fn get(store: &dyn Storage, key: &str) -> Option<Vec<u8>> {
    store.get(key).await.unwrap().map(|value| value.to_vec())
}

async fn a_value_is_what_was_put_last_until_it_is_deleted(store: &dyn Storage) {
    assert_eq!(get(store, "a/b").await, None);
    store.put("a/b", b"1").await.unwrap();
    store.put("a/b", b"").await.unwrap();
    assert_eq!(get(store, "a/b").await, Some(Vec::new()));
    store.delete("a/b").await.unwrap();
    store.delete("a/b").await.unwrap();
    assert_eq!(get(store, "a/b").await, None);
}

async fn keys_and_values_may_be_any_text_and_any_bytes(store: &dyn Storage) {
    let value: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for key in ["ä/ß", "%", "'\"", "a b/c\u{1}", "\u{10ffff}/x"] {
        store.put(key, &value).await.unwrap();
        assert_eq!(get(store, key).await.as_ref(), Some(&value), "{key}");
    }
    assert_eq!(store.list("\u{10ffff}/").await.unwrap(), ["x"]);
    assert_eq!(get(store, "_").await, None);
}

async fn a_list_shows_one_level_in_order_with_folders_marked(store: &dyn Storage) {
    let keys = [
        "a", "a!/1", "a.b", "a/1", "a/2/x", "a/2/y", "a0/1/2", "b/1", "c",
    ];
    fill(store, &keys).await;
    let top = ["a", "a!/", "a.b", "a/", "a0/", "b/", "c"];
    assert_eq!(store.list("").await.unwrap(), top);
    assert_eq!(store.list("a/").await.unwrap(), ["1", "2/"]);
    assert_eq!(store.list("a/2/").await.unwrap(), ["x", "y"]);
    assert!(store.list("x/").await.unwrap().is_empty());
    assert!(store.list("a/1/").await.unwrap().is_empty());
}

async fn a_prefix_may_end_inside_a_name(store: &dyn Storage) {
    fill(store, &["a/bc", "a/bd/1", "a/c"]).await;
    assert_eq!(store.list("a/b").await.unwrap(), ["c", "d/"]);
}

async fn pages_follow_each_other_without_gap(store: &dyn Storage) {
    for number in 0..40 {
        fill(store, &[&format!("p/{number:02}")]).await;
        for inner in 0..number % 20 {
            fill(store, &[&format!("p/{number:02}/{inner}")]).await;
        }
    }
    fill(store, &["o", "p", "q"]).await;
    let whole = store.list("p/").await.unwrap();
    assert_eq!(whole.len(), 40 + 38);
    for limit in [1, 2, 7, 100] {
        let (mut pages, mut after) = (Vec::new(), String::new());
        loop {
            let page = store.list_page("p/", &after, limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after.clone_from(last);
            pages.extend(page);
        }
        assert_eq!(pages, whole, "{limit}");
    }
    for after in ["00", "00/", "01/", "01/5", "zz", ""] {
        let page = store.list_page("p/", after, 3).await.unwrap();
        let expected: Vec<_> = whole
            .iter()
            .filter(|name| name.as_str() > after)
            .take(3)
            .collect();
        assert!(page.iter().eq(expected), "{after}: {page:?}");
    }
    assert!(store.list_page("p/", "", 0).await.unwrap().is_empty());
}

async fn a_batch_is_applied_in_order(store: &dyn Storage) {
    fill(store, &["a"]).await;
    let batch = vec![
        Write::put("b", b"1".to_vec()),
        Write::delete("a"),
        Write::put("b", b"2".to_vec()),
    ];
    store.apply(batch).await.unwrap();
    store.apply(Vec::new()).await.unwrap();
    assert_eq!(get(store, "a").await, None);
    assert_eq!(get(store, "b").await.as_deref(), Some(&b"2"[..]));
}

async fn a_batch_is_applied_only_if_all_its_conditions_hold(store: &dyn Storage) {
    fill(store, &["a"]).await;
    let value = || b"value".to_vec();
    for (conditions, holds) in [
        (vec![Condition::absent("a")], false),
        (vec![Condition::unchanged("a", b"other".to_vec())], false),
        (vec![Condition::unchanged("x", value())], false),
        (
            vec![Condition::absent("x"), Condition::unchanged("a", value())],
            true,
        ),
    ] {
        let batch = vec![Write::put("b", b"1".to_vec())];
        let applied = store.apply_if(conditions.clone(), batch).await.unwrap();
        assert_eq!(applied, holds, "{conditions:?}");
        assert_eq!(get(store, "b").await.is_some(), holds);
    }
}

async fn of_many_who_want_a_key_one_gets_it(store: &dyn Storage) {
    let attempts = (0..50_u8).map(|number| {
        let batch = vec![Write::put("key", vec![number])];
        store.apply_if(vec![Condition::absent("key")], batch)
    });
    let won = futures_util::future::join_all(attempts).await;
    let winners: Vec<_> = (0..50_u8)
        .filter(|n| *won[usize::from(*n)].as_ref().unwrap())
        .collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(get(store, "key").await, Some(winners));
}
