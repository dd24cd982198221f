//! Expressions that more than one rule is made of. Macros, since a rule is a constant.

/// A CEL expression: the type that the suffix of the path stands for.
macro_rules! suffix_type {
    ($path:literal, $python:literal, $jar:literal, $archive:literal, $file:literal) => {
        concat!(
            "(",
            $path,
            r".matches(r'(?i)[^/]\.py$') ? '",
            $python,
            "' : ",
            $path,
            r".matches(r'(?i)[^/]\.jar$') ? '",
            $jar,
            "' : ",
            $path,
            r".matches(r'(?i)[^/]\.(zip|tar|tgz|nar|tar\.gz)$') ? '",
            $archive,
            "' : '",
            $file,
            "')"
        )
    };
}

/// A CEL expression: the type of the typed form, declared or from the suffix.
macro_rules! typed_type {
    () => {
        concat!(
            "(has(self.type) ? self.type : ",
            suffix_type!("self.path", "Python", "Jar", "Archive", "File"),
            ")"
        )
    };
}

/// A CEL expression: whether the command runs files of the type.
macro_rules! command_fits {
    ($command:literal, $type:expr, $python:literal, $jar:literal, $archive:literal, $file:literal) => {
        concat!(
            $type,
            " in (",
            $command,
            " == 'ODPS_PYTHON' ? ['",
            $python,
            "'] : ",
            $command,
            ".endsWith('_JAR') ? ['",
            $jar,
            "'] : ",
            $command,
            " == 'ODPS_ARCHIVE' ? ['",
            $archive,
            "'] : ",
            $command,
            " == 'ODPS_FILE' ? ['",
            $file,
            "'] : ['",
            $python,
            "', '",
            $archive,
            "', '",
            $file,
            "'])"
        )
    };
}

/// A CEL expression: whether two paths have the same suffix: `.tar.gz`, or what follows the last dot
/// of the name unless that is its first character. `find` answers with the character before it.
macro_rules! same_suffix {
    ($new:literal, $old:literal) => {
        concat!(
            "[",
            $new,
            ".find(r'(?i)[^/](\\.tar\\.gz|\\.[^./]*)$').lowerAscii()].all(n, [",
            $old,
            ".find(r'(?i)[^/](\\.tar\\.gz|\\.[^./]*)$').lowerAscii()].all(o, n == '' || o == '' ? n == o : n.substring(1) == o.substring(1)))"
        )
    };
}

/// A CEL expression: an optional field that is neither added, removed nor changed.
macro_rules! fixed {
    ($field:literal) => {
        concat!(
            "has(self.",
            $field,
            ") == has(oldSelf.",
            $field,
            ") && (!has(self.",
            $field,
            ") || self.",
            $field,
            " == oldSelf.",
            $field,
            ")"
        )
    };
}
