"""Made-up people with names from many scripts: the same ones every time."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, islice

from sqlalchemy import insert, text

from webadmin import search_indexes
from webadmin.database import db, writing
from webadmin.users import User

SEED = 1
BATCH = 20_000  # records in a transaction: other writers wait no longer than it takes
AGELESS = 0.02  # the share of people whose age nobody knows
SINGLE = 0.04  # the share of people with one name
SECOND = 0.4  # the share of people with two given names, where that is the custom


@dataclass(frozen=True, kw_only=True)
class Names:
    """Names of one script.

    Attributes:
        weight: How many people bear them, relative to the others.
        given: Given names, separated by spaces.
        family: Family names, separated by spaces.
        pattern: How the two make a whole name, as `str.format` reads it.
        doubles: Whether people bear two given names: that makes a million differ more.
    """

    weight: int
    given: str
    family: str
    pattern: str = "{given} {family}"
    doubles: bool = False


NAMES = (
    Names(
        weight=8,
        given="Alice Benjamin Charlotte Daniel Emily Frank Grace Henry Isabel James Katherine "
        "Liam Margaret Noah Olivia Peter Quentin Rose Samuel Theresa Ursula Victor William Zoe",
        family="Adams Baker Clark Davies Evans Fisher Green Hughes Irving Jones King Lewis "
        "Mason Newman O’Brien Parker Quinn Roberts Smith Taylor Underwood Walker Wright Young",
        doubles=True,
    ),
    Names(
        weight=8,
        given="Åsa Björn Chloé Dörte Élodie François Gisèle Håkon Inés Jürgen Käthe Łukasz "
        "Małgorzata Noël Ömer Paweł Rubén Šárka Søren Tomáš Ülkü Václav Zoë Željko",
        family="Ångström Bąk Çelik Dvořák Ødegård Fernández Gößling Hämäläinen Iğdır Jørgensen "
        "Kovács Lüdtke Müller Núñez Öztürk Pérez Řezníček Sørensen Szabó Třeštík Ünal Weiß Žižek",
        doubles=True,
    ),
    Names(
        weight=3,
        given="Anh Bảo Châu Dũng Giang Hằng Hiếu Khánh Lộc Ngọc Phượng Quỳnh Thảo Tuấn Việt Yến",
        family="Nguyễn Trần Lê Phạm Hoàng Phan Vũ Đặng Bùi Đỗ Hồ Ngô Dương Lý",
        pattern="{family} {given}",
        doubles=True,
    ),
    Names(
        weight=3,
        given="Αλέξανδρος Βασιλική Γεώργιος Δήμητρα Ελένη Ζωή Ηλίας Θεοδώρα Ιωάννης Κωνσταντίνος "
        "Μαρία Νικόλαος Παναγιώτης Σοφία Χρήστος",
        family="Αγγελόπουλος Βλάχος Γεωργίου Δημητρίου Ιωαννίδης Καραγιάννης Λάμπρου Μακρής "
        "Νικολαΐδης Οικονόμου Παπαδόπουλος Σαμαράς Χατζής",
        doubles=True,
    ),
    Names(
        weight=5,
        given="Андрей Борис Вера Галина Дмитрий Елена Жанна Иван Катерина Лев Мария Надежда Олег "
        "Пётр Ростислав Светлана Тарас Ярослава Юрий",
        family="Бондаренко Василенко Гончар Довженко Ермак Жук Зайченко Ильенко Коваленко Лысенко "
        "Мороз Нестеренко Олійник Петренко Руденко Шевченко Щербак Юрченко",
    ),
    Names(
        weight=5,
        given="أحمد أمينة بلال جميلة حسن خالد دينا رشيد زينب سعيد شيماء طارق عائشة فاطمة كريم ليلى "
        "محمد نور هند يوسف",
        family="الأحمد البغدادي التونسي الجزائري الحسن الخطيب الدمشقي الرشيد السيد الشامي الصباغ "
        "العلي الفارسي القاسم المصري النجار",
        doubles=True,
    ),
    Names(
        weight=2,
        given="אברהם בנימין גלית דוד הדס יעל יצחק לאה מרים נועם שרה תמר רחל עדי",
        family="אברמוביץ ביטון גולן דהן כהן לוי מזרחי פרץ פרידמן רוזן שפירא",
    ),
    Names(
        weight=6,
        given="अनिल आशा ऋषि कविता गीता जया दीपक नेहा प्रिया मोहन राहुल लक्ष्मी विजय शांति सुनीता हरीश",
        family="अग्रवाल कुमार गुप्ता चौहान जोशी तिवारी त्रिपाठी नायर पटेल मिश्रा यादव वर्मा शर्मा सिंह",
    ),
    Names(
        weight=2,
        given="অনিতা আরিফ ইমরান কামাল জয়া তাহমিনা নাসরিন রহিম শিরীন সুমন",
        family="আহমেদ ইসলাম খান চৌধুরী দাস বিশ্বাস মুখার্জী রহমান সরকার হোসেন",
    ),
    Names(
        weight=2,
        given="அருண் இளங்கோ கவிதா குமரன் செல்வி தமிழ் மீனா முருகன் வள்ளி",
        family="அண்ணாமலை கந்தசாமி சுப்பிரமணியம் பாலகிருஷ்ணன் ராமசாமி வேலாயுதம்",
        pattern="{family} {given}",
    ),
    Names(
        weight=8,
        given="伟 芳 娜 敏 静 丽 强 磊 军 洋 勇 艳 杰 涛 明 超 秀英 建国 志强 晓梅 海燕 子涵 思远 "
        "雨桐",
        family="王 李 张 刘 陈 杨 赵 黄 周 吴 徐 孙 胡 朱 高 林 何 郭 馬 羅 欧阳 司马",
        pattern="{family}{given}",
    ),
    Names(
        weight=5,
        given="さくら ひなた あおい みゆき ゆうき はると 健太 花子 太郎 美咲 翔太 陽子 "
        "大輔 直樹 ケンジ マリ",
        family="佐藤 鈴木 高橋 田中 渡辺 伊藤 山本 中村 小林 加藤 吉田 斎藤 清水 森 ヤマダ オオタ",
        pattern="{family} {given}",
    ),
    Names(
        weight=4,
        given="민준 서연 지훈 수빈 예진 현우 지은 도윤 하은 성민 영희 철수 은주 동현 미경",
        family="김 이 박 최 정 강 조 윤 장 임 한 오 서 신 남궁 황보",
        pattern="{family}{given}",
    ),
    Names(
        weight=2,
        given="ანა გიორგი დავით ეკატერინე ვახტანგ თამარ ირაკლი ლევან მარიამ ნინო ქეთევან შოთა",
        family="ბერიძე გელაშვილი დოლიძე კაპანაძე კვარაცხელია ლომიძე მაისურაძე ჩიქოვანი ჯაფარიძე",
    ),
    Names(
        weight=2,
        given="Անահիտ Արամ Գայանե Դավիթ Հայկ Լուսինե Մարիամ Նարեկ Շուշան Տիգրան",
        family="Աբրահամյան Գրիգորյան Հակոբյան Հարությունյան Մկրտչյան Պետրոսյան Սարգսյան Վարդանյան",
    ),
    Names(
        weight=2,
        given="กนกวรรณ ชัยวัฒน์ ณัฐพล ดวงใจ ธนากร ปิยะ พรทิพย์ มาลี วิชัย สมชาย สุดา อรุณ",
        family="แก้วมณี จันทร์เพ็ญ ทองดี บุญมี พงษ์ศรี รัตนกุล ศรีสุข สุขใจ แสงทอง อินทร์แก้ว",
    ),
    Names(
        weight=2,
        given="አበበ አልማዝ በቀለ ብርሃኑ ደሳለኝ ገብረ ሃና ከበደ ልደት ሙሉ ሰላም ተስፋዬ የሺ ዘነበ",
        family="አለሙ በላይ ደምሴ ገብረማርያም ኃይሌ ካሳ መኮንን ሰለሞን ታደሰ ወልደ ዘውዴ",
    ),
)

# Few are very old, somebody is nought and somebody 150: both ends of what an age may be.
_AGES = range(151)
_AGE_WEIGHTS = list(
    accumulate(1000 if age < 60 else 1000 * 0.93 ** (age - 60) + 0.5 for age in _AGES)
)


def people(number: int) -> Iterator[dict[str, str | int | None]]:
    """Yield `number` made-up people as values of `User`; fewer are the first ones of more."""
    rng = random.Random(SEED)  # noqa: S311 - no secret: the same people every time  # nosec B311
    scripts = [(names, names.given.split(), names.family.split()) for names in NAMES]
    weights = list(accumulate(names.weight for names in NAMES))
    for _ in range(number):
        names, given, family = rng.choices(scripts, cum_weights=weights)[0]
        name = _one_of(given, rng)
        if names.doubles and rng.random() < SECOND:
            name = f"{name} {_one_of(given, rng)}"
        if rng.random() >= SINGLE:
            name = names.pattern.format(given=name, family=_one_of(family, rng))
        known = rng.random() >= AGELESS
        age = rng.choices(_AGES, cum_weights=_AGE_WEIGHTS)[0] if known else None
        yield {"name": name, "age": age}


def _one_of(words: list[str], rng: random.Random) -> str:
    return words[int(rng.random() * len(words))]  # three times as fast as rng.choice


def add(number: int) -> Iterator[int]:
    """Add made-up people to the table of users; after each batch yield how many there are so far.

    Memory holds one batch. What was yielded is committed.

    Raises:
        sqlalchemy.exc.DBAPIError: The database refuses.
    """
    source = people(number)
    added = 0
    while batch := list(islice(source, BATCH)):
        with (
            writing(),
            db.engine.begin() as connection,
            search_indexes.paused(connection, User.__table__) as written,
        ):
            made = connection.execute(insert(User).returning(User.id), batch)
            written.extend(made.scalars())
        added += len(batch)
        yield added


def analyze() -> None:
    """Let the DBMS count the table of users anew, so that its estimates are right."""
    table = db.engine.dialect.identifier_preparer.format_table(User.__table__)
    word = "ANALYZE TABLE" if db.engine.dialect.name in ("mysql", "mariadb") else "ANALYZE"
    with writing(), db.engine.begin() as connection:
        connection.execute(text(f"{word} {table}"))
