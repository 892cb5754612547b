//! Files do not import each other in a circle.
//!
//! A file imports the file that defines a name. A name that a `mod.rs` only exports again with `pub use` counts as an
//! import of the file behind it.

use std::collections::{BTreeMap, BTreeSet};

use crate::module_rules::sources;

/// A path such as `inbox::sqlite::writer`.
type Path = Vec<String>;

/// A source file as a module.
struct Module {
    /// What it imports, as written.
    imports: Vec<Path>,
    /// What it exports again: the name, and the path as written.
    exports: BTreeMap<String, Path>,
}

struct Tree(BTreeMap<Path, Module>);

impl Tree {
    fn read() -> Self {
        let modules = sources().into_iter().filter(|(path, _)| !matches!(path.as_str(), "lib.rs" | "main.rs"));
        Self(modules.map(|(path, code)| (module_path(&path), Module::read(&code))).collect())
    }

    /// The module that defines what `path` names, seen from the module `from`.
    fn resolve(&self, from: &Path, path: &Path, depth: usize) -> Option<Path> {
        let (mut module, mut rest) = match path.first()?.as_str() {
            "crate" => (Path::new(), &path[1..]),
            "super" => {
                let ups = path.iter().take_while(|name| *name == "super").count();
                (from[..from.len().checked_sub(ups)?].to_vec(), &path[ups..])
            }
            "self" => (from.clone(), &path[1..]),
            first => {
                let child: Path = from.iter().cloned().chain([first.to_owned()]).collect();
                self.0.contains_key(&child).then_some((child, &path[1..]))?
            }
        };
        while let Some((name, after)) = rest.split_first() {
            let child: Path = module.iter().cloned().chain([name.clone()]).collect();
            if !self.0.contains_key(&child) {
                break;
            }
            (module, rest) = (child, after);
        }
        let exported = rest.first().and_then(|name| self.0.get(&module)?.exports.get(name));
        let behind = exported.filter(|_| depth < 8).and_then(|path| self.resolve(&module, path, depth + 1));
        behind.or_else(|| self.0.contains_key(&module).then_some(module))
    }

    /// The modules that each module imports, itself excepted.
    fn imports(&self) -> BTreeMap<&Path, BTreeSet<Path>> {
        let of = |(name, module): (&'_ Path, &'_ Module)| {
            let imported = module.imports.iter().filter_map(|path| self.resolve(name, path, 0));
            imported.filter(|imported| imported != name).collect()
        };
        self.0.iter().map(|entry| (entry.0, of(entry))).collect()
    }
}

impl Module {
    fn read(code: &str) -> Self {
        let mut module = Self { imports: Vec::new(), exports: BTreeMap::new() };
        let flat = code.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut rest = String::new();
        for statement in flat.split_inclusive(';') {
            let Some((before, list)) = statement.rsplit_once("use ").filter(|(before, _)| is_use(before)) else {
                rest.push_str(statement);
                continue;
            };
            let is_public = before.ends_with("pub ") || before.ends_with(") ");
            for path in expand(&list.trim_end_matches(';').replace(' ', "")) {
                match path.last().cloned().filter(|_| is_public) {
                    Some(name) => drop(module.exports.insert(name, path)),
                    None => module.imports.push(path),
                }
            }
            rest.push_str(before);
        }
        for root in ["crate::", "super::"] {
            module.imports.extend(rest.match_indices(root).map(|(at, _)| path_at(&rest[at..])));
        }
        module
    }
}

/// Whether the text before `use ` ends a statement, a block or an attribute, so that `use` is the keyword.
fn is_use(before: &str) -> bool {
    let before = before.trim_end();
    before.is_empty() || before.ends_with(['{', '}', ']', ';', ')']) || before.ends_with("pub")
}

fn module_path(file: &str) -> Path {
    let path = file.trim_end_matches(".rs");
    path.strip_suffix("/mod").unwrap_or(path).split('/').map(str::to_owned).collect()
}

/// The path with which a text begins.
fn path_at(text: &str) -> Path {
    let end = text.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | ':')).unwrap_or(text.len());
    text[..end].split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Every path of the list of a `use`, without white space: `a::{b,c::d}` is `a::b` and `a::c::d`.
fn expand(list: &str) -> Vec<Path> {
    let Some((prefix, inner)) = list.split_once('{') else { return vec![path_at(list)] };
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let (mut depth, mut items) = (0_i32, vec![String::new()]);
    for c in inner.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ',' && depth == 0 {
            items.push(String::new());
        } else if let Some(item) = items.last_mut() {
            item.push(c);
        }
    }
    items.iter().filter(|item| !item.is_empty()).flat_map(|item| expand(&format!("{prefix}{item}"))).collect()
}

/// The modules that are part of a circle: what is left when modules without imports, and then those that import only
/// such modules, are removed, and also modules that no module imports.
fn in_a_circle(mut imports: BTreeMap<&Path, BTreeSet<Path>>) -> BTreeMap<&Path, BTreeSet<Path>> {
    loop {
        let before = imports.len();
        let imported: BTreeSet<Path> = imports.values().flatten().cloned().collect();
        imports.retain(|name, of| !of.is_empty() && imported.contains(*name));
        let left: BTreeSet<Path> = imports.keys().map(|name| (*name).clone()).collect();
        for of in imports.values_mut() {
            of.retain(|name| left.contains(name));
        }
        if imports.len() == before {
            return imports;
        }
    }
}

#[test]
fn files_do_not_import_each_other_in_a_circle() {
    let tree = Tree::read();
    let imports = tree.imports();
    let edges: usize = imports.values().map(BTreeSet::len).sum();
    assert!(edges > 300, "only {edges} imports were found in {} files", imports.len());
    let shown = |(file, of): (&Path, BTreeSet<Path>)| {
        let of: Vec<_> = of.iter().map(|path| path.join("::")).collect();
        format!("{} imports {}", file.join("::"), of.join(", "))
    };
    let circles: Vec<_> = in_a_circle(imports).into_iter().map(shown).collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn a_circle_is_found_behind_an_export() {
    let read = |(path, code): (&str, &str)| (module_path(path), Module::read(code));
    let tree = |sources: &[(&str, &str)]| Tree(sources.iter().map(|source| read(*source)).collect());
    let circle = tree(&[
        ("a/mod.rs", "mod b; mod c; pub use b::{B, more::*}; pub(crate) use c::C;"),
        ("a/b.rs", "use super::{C, other};"),
        ("a/c.rs", "fn f() -> super::B {}"),
    ]);
    let names: Vec<_> = in_a_circle(circle.imports()).into_keys().map(|path| path.join("::")).collect();
    assert_eq!(names, ["a::b", "a::c"]);
    let none = tree(&[("a/mod.rs", "mod b; mod c; pub use b::B;"), ("a/b.rs", "use super::c::C;"), ("a/c.rs", "")]);
    assert!(in_a_circle(none.imports()).is_empty());
}
