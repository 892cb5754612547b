use std::fmt::{self, Debug, Formatter};
use std::marker::PhantomData;

/// What tells the series of one metric apart: a few values, all known when the program is built. So no
/// id, no name and no text of anybody can become one.
pub trait Label: Copy + 'static {
    /// Every value there is, in the order in which they are shown.
    const ALL: &'static [Self];

    /// The value as metrics and their queries write it.
    fn name(self) -> &'static str;

    /// Where it stands among [`Label::ALL`].
    fn place(self) -> usize;
}

/// Declares the values of a label, each with its name.
macro_rules! label {
    ($(#[$about:meta])* pub enum $label:ident { $($(#[$note:meta])* $value:ident = $name:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $label { $($(#[$note])* $value),+ }

        impl $crate::telemetry::Label for $label {
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn name(self) -> &'static str {
                match self { $(Self::$value => $name),+ }
            }

            fn place(self) -> usize {
                self as usize
            }
        }
    };
}
pub(crate) use label;

/// One measure for each value of a label.
pub struct Family<L, M> {
    measures: Box<[M]>,
    label: PhantomData<L>,
}

impl<L: Label, M> Family<L, M> {
    /// One of these for each value.
    #[must_use]
    pub fn of_each(measure: impl Fn() -> M) -> Self {
        Self { measures: L::ALL.iter().map(|_| measure()).collect(), label: PhantomData }
    }

    /// That of one value.
    #[must_use]
    pub fn of(&self, label: L) -> &M {
        &self.measures[label.place()]
    }

    /// All of them, each with its value.
    pub fn iter(&self) -> impl Iterator<Item = (L, &M)> {
        L::ALL.iter().copied().zip(&self.measures)
    }
}

impl<L: Label, M: Default> Default for Family<L, M> {
    fn default() -> Self {
        Self::of_each(M::default)
    }
}

impl<L: Label, M: Debug> Debug for Family<L, M> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(label, measure)| (label.name(), measure))).finish()
    }
}
