//! Names that look alike.

/// What the eye sees of a name: lower case, without spaces and marks, look-alike letters made one.
///
/// It only has to make a person look twice, so a short table of the usual tricks is enough.
#[must_use]
pub fn skeleton(name: &str) -> String {
    let folded = name.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric());
    folded.map(look_alike).collect::<String>().replace("rn", "m").replace("vv", "w")
}

const fn look_alike(c: char) -> char {
    match c {
        '0' | 'о' | 'ο' => 'o',
        '1' | 'i' | 'ı' | 'і' | 'ι' | '|' => 'l',
        'а' | 'α' | 'á' | 'à' | 'ä' | 'â' => 'a',
        'е' | 'ε' | 'é' | 'è' | 'ë' | 'ê' => 'e',
        'с' => 'c',
        'р' | 'ρ' => 'p',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        'ѕ' | '5' => 's',
        'ј' => 'j',
        'ԁ' => 'd',
        'һ' => 'h',
        'ν' => 'v',
        'κ' | 'к' => 'k',
        'т' | 'τ' => 't',
        'м' => 'm',
        'н' => 'n',
        'в' => 'b',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tricks_of_the_eye_give_the_same_skeleton() {
        for (a, b) in [("Ana", "АNA"), ("Bob Miller", "B0bMi11er"), ("Tom", "Torn"), ("Eve", "Ėve")]
        {
            let same = skeleton(a) == skeleton(b);
            assert_eq!(same, b != "Ėve", "{a} {b}");
        }
        assert_ne!(skeleton("Ana"), skeleton("Anna"));
    }
}
