"""What texts of configurations and manifests may look like, for the program and in words for people."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
SHIFTS = r"^([01]\d|2[0-3]):[0-5]\d( ([01]\d|2[0-3]):[0-5]\d){0,23}$"
PIECES = r"^(OK|NG( [^,]{1,64})?)(, *(OK|NG( [^,]{1,64})?)){1,19}$"
CHIP = r"^[A-Za-z0-9/][A-Za-z0-9/_.:-]{0,63}$"
LINE = r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,30}$"
LINES = r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,30}( [A-Za-z0-9][A-Za-z0-9_.:/-]{0,30}){0,7}$"
PATH = r"^[^\x00]*$"
DIGEST = r"^[0-9a-f]{64}$"
FILE = r"^[a-z0-9][a-z0-9_./-]{0,63}$"
GOLDEN = r"^golden/[0-9]{1,3}\.png$"

IN_WORDS = {
    NAME: "may hold letters from A to Z, digits and _ . - only, at most 64, and begins with a letter or a digit",
    SHIFTS: "is times of the day with spaces between them, such as 06:00 14:00 22:00",
    PIECES: "is OK or NG for each of 2 to 20 pieces, NG with its label if that counts, such as 'OK, NG, NG bent_52'",
    CHIP: "is the name of a chip, such as gpiochip0",
    LINE: "is the name of one line, such as GPIO17",
    LINES: "is the names of 1 to 8 lines with spaces between them, such as GPIO5 GPIO6",
    PATH: "is a path, and holds a character that no path may hold",
    DIGEST: "is a SHA-256 in 64 hexadecimal digits",
    FILE: "is a file's name of small letters, digits and _ . / - only, at most 64, and does not begin with a sign",
    GOLDEN: "is the name of a golden picture, such as golden/0.png",
}
