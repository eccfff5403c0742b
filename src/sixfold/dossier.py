"""The regulator's file of a finished product: what is known of it, and what a person must fill in.

Two papers and the data sheet: the technical documentation of the EU's AI Act (Regulation (EU) 2024/1689, Annex IV), and
the material of Chinese filings (algorithm filing after the provisions on algorithmic recommendation of 2022; what
generates, also after the interim measures for generative AI of 2023). It is a draft of facts: whether a product falls
under these rules, and whether the file suffices, only people who know the law can say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from sixfold.evaluation import (
    Answer,
    Paper,
    Part,
    appraisal_of,
    as_markdown,
    as_page,
    baseline_title,
    better_baseline,
    count,
    data_sheet,
    duration,
    gate_title,
    interval,
    joined,
    listed,
    shown,
    text_of,
)
from sixfold.language import Text
from sixfold.store import Workspace

if TYPE_CHECKING:
    from sixfold.pipeline import Run, Sixfold

__all__ = ["Dossier", "dossier"]

_MOST_FINDINGS = 12
_LAW = Text(
    "Whether the product falls under these rules, and in which class of risk, is for people who know the law to say.",
    "产品是否适用这些规定、属于哪个风险等级，须由懂法律的人判断。",
)


@dataclass(frozen=True, slots=True)
class Dossier:
    """The file, twice: as Markdown to go on writing in, and as a page to read. ``left``: points still to be filled."""

    markdown: str
    html: bytes
    left: int


def dossier(house: Sixfold, name: str) -> Dossier:
    """The regulator's file of a product's last run.

    Args:
        house: Where it was run.
        name: The product.

    Raises:
        InputError: It was not run here, or not as far as `evaluate`.
    """
    run = house.evaluated(name)
    report: dict[str, Any] = Workspace(house.store, "dossier", "").read_json(run.artefacts["evaluate"], "report.json")
    papers = [_europe(run, report), _china(run, report), data_sheet(run.product, report)]
    head = {"product": name, "model": run.bundle.version, "sixfold": version("sixfold")}
    left = sum(paper.left for paper in papers)
    return Dossier(as_markdown(papers, head), as_page(name, papers, version("sixfold")), left)


def _europe(run: Run, report: Mapping[str, Any]) -> Paper:
    return Paper(
        Text("EU AI Act: technical documentation (Annex IV)", "欧盟《人工智能法》：技术文档（附件四）"),
        Text(
            f"After Annex IV of Regulation (EU) 2024/1689, point by point. {_LAW.en}",
            f"按欧盟 2024/1689 号条例附件四逐条整理。{_LAW.zh}",
        ),
        [
            Part(Text("1. General description of the system", "1. 系统的一般描述"), _general(run, report)),
            Part(Text("2. Elements and development", "2. 组成与开发过程"), _development(run, report)),
            Part(Text("3. Monitoring, functioning and control", "3. 监测、运行与控制"), _control(run, report)),
            Part(
                Text("4.–9. Metrics, risks, changes, standards", "4.–9. 指标、风险、变更、标准"), _around(run, report)
            ),
        ],
    )


def _general(run: Run, report: Mapping[str, Any]) -> list[Answer]:
    product, made = run.product, report["made"]
    given = [Text(f"{name} ({spec.kind})", f"{name}（{spec.kind}）") for name, spec in product.given.items()]
    goal = [Text(product.goal, product.goal)] if product.goal else []
    versions = ", ".join(f"{name} {value}" for name, value in made["versions"].items())
    pack, service = run.receipts.get("deliver"), run.service
    forms = [
        Text(
            "An HTTP service with an OpenAPI description and a demo page; a signed, encrypted pack that carries its "
            "own runtime.",
            "带 OpenAPI 说明和演示页的 HTTP 服务；自带运行环境、签名并加密的交付包。",
        )
    ]
    if pack is not None:
        forms.append(Text(f"Delivered pack: SHA-256 {pack['sha256']}.", f"已交付的包：SHA-256 {pack['sha256']}。"))
    return [
        Answer(
            Text("(a) Intended purpose, provider, version", "(a) 预期用途、提供者、版本"),
            [
                *goal,
                Text(
                    f"{report['product']['task']['en']}: from {listed(given).en or 'nothing'} it tells "
                    f"{product.target_name} ({product.target.kind}).",
                    f"{report['product']['task']['zh']}：由 {listed(given).zh or '无'} 得出 {product.target_name}"
                    f"（{product.target.kind}）。",
                ),
                Text(f"Model version {run.bundle.version}.", f"模型版本 {run.bundle.version}。"),
            ],
            Text(
                "name and address of the provider; the persons it is meant for and where it will be used",
                "提供者的名称与地址；面向哪些人，在何处使用",
            ),
        ),
        Answer(
            Text("(b) Interaction with hardware and software that is not part of it", "(b) 与外部软硬件的交互"),
            fill=Text(
                "the systems that call it, and what they do with its answers", "调用它的系统，以及如何使用它的答案"
            ),
        ),
        Answer(
            Text("(c) Versions of software, and how it is updated", "(c) 软件版本与更新"),
            [
                Text(
                    f"Sixfold {made['sixfold']}; trained with {versions}.",
                    f"Sixfold {made['sixfold']}；训练环境 {versions}。",
                ),
                Text(
                    "A new model is deployed only once it answers a sample row rightly; the former one serves until "
                    "then.",
                    "新模型在样例行上答对之后才会上线，此前仍由旧模型服务。",
                ),
            ],
        ),
        Answer(Text("(d) Forms in which it is placed on the market", "(d) 投放市场的形式"), forms),
        Answer(
            Text("(e) Hardware", "(e) 硬件"),
            [
                Text(
                    "It runs on plain processors (CPU) in ONNX Runtime; no accelerator is needed.",
                    "在普通处理器（CPU）上由 ONNX Runtime 运行，不需要加速卡。",
                )
            ],
            Text("the machine that it is meant to run on", "预期运行的机器"),
        ),
        Answer(
            Text("(f) Where it is part of a product: its looks and markings", "(f) 若为某产品的部件：外观与标记"),
            fill=Text(
                "photographs or drawings, or that it is not part of a product", "照片或图样；或说明它不是某产品的部件"
            ),
        ),
        Answer(
            Text("(g) User interface; (h) instructions for use", "(g) 用户界面；(h) 使用说明"),
            [
                Text(
                    "The service has a demo page and describes every input and answer at /docs"
                    + (f" ({service})." if service else "."),
                    "服务带有演示页，并在 /docs 说明每项输入与答案" + (f"（{service}）。" if service else "。"),
                ),
                Text("README.md of the pack is the model card.", "交付包的 README.md 即模型卡。"),
            ],
            Text("the instructions that the deployer gets (Article 13)", "交给部署者的使用说明（第 13 条）"),
        ),
    ]


def _development(run: Run, report: Mapping[str, Any]) -> list[Answer]:
    product, training = run.product, report["training"]
    anatomy = report["chapters"].get("anatomy") or {}
    preset = product.train.options.get("preset")
    tried = training.get("search") or []
    methods = [
        Text(
            "Six stages, each recorded in a signed ledger: collect, prepare, train, evaluate, deploy, deliver.",
            "六个阶段：收集、准备、训练、评估、部署、交付，逐一记入签名的账本。",
        )
    ]
    if preset:
        methods.append(Text(f"It goes on from the pretrained network {preset}.", f"由预训练网络 {preset} 继续训练。"))
    if tried:
        methods.append(
            Text(
                f"The network was chosen among {len(tried)} trials by what rows not learned from said.",
                f"从 {len(tried)} 次试验中，按未学习过的行的表现选出网络。",
            )
        )
    logic = [Text(f"Network: {training['network']}.", f"网络：{training['network']}。")]
    if anatomy:
        settings = ", ".join(f"{name} {value}" for name, value in anatomy["recipe"].items())
        logic = [
            Text(
                f"Network: {anatomy['title']['en']} ({training['network']}); what learning makes smaller: "
                f"{anatomy['loss']}; output: {anatomy['output']['units']} × {anatomy['output']['activation']}.",
                f"网络：{anatomy['title']['zh']}（{training['network']}）；学习要减小：{anatomy['loss']}；"
                f"输出：{anatomy['output']['units']} × {anatomy['output']['activation']}。",
            ),
            *([Text(f"Recipe: {settings}.", f"训练设置：{settings}。")] if settings else []),
        ]
    seconds = duration(sum(float(stage["seconds"] or 0) for stage in report["made"]["stages"].values()))
    parameters = training.get("parameters")
    resources = [
        Text(
            f"{count(parameters) if isinstance(parameters, int) else '–'} parameters; all stages took {seconds.en}.",
            f"{count(parameters) if isinstance(parameters, int) else '–'} 个参数；各阶段共用 {seconds.zh}。",
        )
    ]
    return [
        Answer(Text("(a) Methods and steps; pretrained systems", "(a) 方法与步骤；预训练系统"), methods),
        Answer(
            Text("(b) Design: logic, choices, what it optimises for", "(b) 设计：逻辑、选择、优化目标"),
            logic,
            Text(
                "the trade-offs that were made, and why this was thought right for the persons concerned",
                "作了哪些取舍，为什么认为适合相关人员",
            ),
        ),
        Answer(Text("(c) Architecture and computing resources", "(c) 架构与计算资源"), resources),
        Answer(
            Text("(d) Data requirements", "(d) 数据要求"),
            [
                Text(
                    "See the data sheet below: provenance, composition, preparation, findings of the checks.",
                    "见下面的数据表：来源、组成、准备、检查结果。",
                )
            ],
        ),
        Answer(
            Text("(e) Human oversight (Article 14)", "(e) 人工监督（第 14 条）"),
            _oversight(report),
            Text(
                "who oversees it, what they are trained for, how they can stop it", "由谁监督，受过什么培训，如何停用"
            ),
        ),
        Answer(
            Text("(f) Pre-determined changes", "(f) 预先确定的变更"),
            [
                Text(
                    "It does not learn while it serves; a new model is a new run, judged and recorded anew.",
                    "服务过程中不学习；新模型须重新运行、评估并记录。",
                )
            ],
        ),
        Answer(Text("(g) Validation, testing, metrics", "(g) 验证、测试与指标"), _measured(report)),
        Answer(
            Text("(h) Cybersecurity", "(h) 网络安全"),
            [
                Text(
                    "What is stored is encrypted (age) and signed (Ed25519); packs are signed (OpenSSF model signing) "
                    "and encrypted for their recipients; models are safetensors and ONNX, never pickle; inputs have "
                    "limits.",
                    "存储内容加密（age）并签名（Ed25519）；交付包签名（OpenSSF 模型签名）并为接收者加密；"
                    "模型是 safetensors 与 ONNX，从不用 pickle；输入有限额。",
                ),
                *_privacy(report),
            ],
            Text("the measures around it: network, access, incident response", "外围措施：网络、访问、事件响应"),
        ),
    ]


def _control(run: Run, report: Mapping[str, Any]) -> list[Answer]:
    return [
        Answer(
            Text("Capabilities and limits; accuracy for groups of persons", "能力与局限；各群体的准确度"),
            [*_headline(report), *_groups(report), *_slices(report)],
            None
            if "fairness" in report["chapters"]
            else Text(
                "the groups it may treat differently; none were measured (`evaluate: {groups: […]}`)",
                "它可能区别对待的群体；目前没有测量（`evaluate: {groups: […]}`）",
            ),
        ),
        Answer(
            Text("Foreseeable unintended outcomes, sources of risk", "可预见的非预期结果与风险来源"),
            _weak(report),
            Text(
                "what a wrong answer does to health, safety and fundamental rights", "答错对健康、安全与基本权利的影响"
            ),
        ),
        Answer(Text("Human oversight while it is used", "使用中的人工监督"), _oversight(report)),
        Answer(
            Text("Specifications of inputs", "输入规格"),
            [Text(f"{name}: {spec.kind}.", f"{name}：{spec.kind}。") for name, spec in run.product.given.items()]
            or [Text("Nothing is given.", "没有输入。")],
        ),
    ]


def _around(run: Run, report: Mapping[str, Any]) -> list[Answer]:
    watch = run.product.deploy.watch
    expected = ", ".join(f"{name}: {value}" for name, value in watch.expect.items()) or "–"
    headline = report["figures"][0]
    title = text_of(headline["title"])
    meaning = text_of(headline["meaning"])
    return [
        Answer(
            Text("4. Why these metrics are appropriate", "4. 为什么这些指标合适"),
            [
                Text(
                    f"Headline: {_en(title)}. {_en(meaning)}",
                    f"主要指标：{_zh(title)}。{_zh(meaning)}",
                )
            ],
            Text("why it fits the purpose, and what it does not see", "为什么符合用途，以及它看不到什么"),
        ),
        Answer(
            Text("5. Risk management system (Article 9)", "5. 风险管理体系（第 9 条）"),
            _gates(report),
            Text("the risks, the measures against them, and what is left", "风险、相应措施与剩余风险"),
        ),
        Answer(
            Text("6. Changes through the lifecycle", "6. 生命周期内的变更"),
            [
                Text(
                    "Every run, gate, override, deployment and delivery stands in the ledger (`sixfold ledger`).",
                    "每次运行、关卡、放行、部署与交付都在账本中（`sixfold ledger`）。",
                )
            ],
        ),
        Answer(
            Text("7. Harmonised standards applied", "7. 所采用的协调标准"),
            fill=Text("the standards, or how the requirements are met without", "所采用的标准；若未采用，如何满足要求"),
        ),
        Answer(
            Text("8. EU declaration of conformity", "8. 欧盟符合性声明"),
            fill=Text("a copy (Article 47)", "声明副本（第 47 条）"),
        ),
        Answer(
            Text("9. Post-market monitoring (Article 72)", "9. 上市后监测（第 72 条）"),
            [
                Text(
                    f"The service keeps: {watch.keep}, for {watch.days:g} days; it must hold: {expected}; "
                    f"{len(watch.tell)} are told if it does not.",
                    f"服务保留：{watch.keep}，{watch.days:g} 天；须满足：{expected}；"
                    f"不满足时告知 {len(watch.tell)} 处。",
                )
            ],
            Text(
                "the plan: who looks, how often, how serious incidents are reported",
                "计划：谁查看，多久一次，如何报告严重事件",
            ),
        ),
    ]


def _china(run: Run, report: Mapping[str, Any]) -> Paper:
    generates = run.product.verb == "generate"
    product, training = run.product, report["training"]
    provenance = report["provenance"]
    parts = [
        Part(
            Text("Basic attributes of the algorithm", "算法基础属性"),
            [
                Answer(
                    Text("Type, name, product, date of going online", "算法类型、名称、应用产品、上线时间"),
                    [
                        Text(
                            f"{product.name}, {report['product']['task']['en']}, model {run.bundle.version}.",
                            f"{product.name}，{report['product']['task']['zh']}，模型 {run.bundle.version}。",
                        )
                    ],
                    Text(
                        "filing subject, type after the provisions (generating, personalised, ranking, selecting, "
                        "dispatching), date",
                        "备案主体、规定中的算法类型（生成合成、个性化推送、排序精选、检索过滤、调度决策）、上线时间",
                    ),
                )
            ],
        ),
        Part(
            Text("Detailed attributes", "算法详细属性"),
            [
                Answer(
                    Text("Algorithm data: inputs, outputs, training data", "算法数据：输入、输出、训练数据"),
                    [
                        Text(
                            f"Inputs: {', '.join(product.given) or '–'}; output: {product.target_name}; "
                            f"{count(int(report['rows']['train']))} training rows from {provenance.get('name', '–')}.",
                            f"输入：{'、'.join(product.given) or '–'}；输出：{product.target_name}；训练 "
                            f"{count(int(report['rows']['train']))} 行，来自 {provenance.get('name', '–')}。",
                        )
                    ],
                    Text(
                        "whether identity or biometric information is used, and the legal basis of the data",
                        "是否使用身份信息或生物特征信息，数据来源的合法性",
                    ),
                ),
                Answer(
                    Text("Algorithm model", "算法模型"),
                    [Text(f"Network: {training['network']}.", f"网络：{training['network']}。"), *_headline(report)],
                ),
                Answer(
                    Text("Algorithm strategy: how it decides and intervenes", "算法策略：如何决策与干预"),
                    _oversight(report),
                    Text(
                        "rules around the model, and how users can refuse or switch it off",
                        "模型之外的规则，用户如何拒绝或关闭",
                    ),
                ),
                Answer(
                    Text("Risks and how they are prevented", "算法风险与防范机制"),
                    [*_weak(report), *_gates(report), *_privacy(report)],
                    Text("monitoring, tampering, misuse, and the response", "监测、防篡改、防滥用与应急处置"),
                ),
            ],
        ),
        Part(
            Text("What is to be published", "拟公示内容"),
            [
                Answer(
                    Text("Purpose, principle, way of working", "目的意图、基本原理、运行机制"),
                    [
                        *([Text(product.goal, product.goal)] if product.goal else []),
                        Text(
                            "The chapter “How this model works” of the report says it in plain words.",
                            "报告中“这个模型是怎样工作的”一章用平实的语言作了说明。",
                        ),
                    ],
                    Text("the text that users will read", "供用户阅读的公示文本"),
                )
            ],
        ),
    ]
    if generates:
        parts.append(_generative(report))
    return Paper(
        Text("China: algorithm filing", "中国：算法备案材料")
        if not generates
        else Text("China: algorithm filing and generative AI", "中国：算法备案与生成式人工智能材料"),
        Text(
            "After the filing of algorithms (Provisions on Algorithmic Recommendation, 2022)"
            + (" and the Interim Measures for Generative AI Services (2023)" if generates else "")
            + f". {_LAW.en}",
            "按《互联网信息服务算法推荐管理规定》的算法备案"
            + ("和《生成式人工智能服务管理暂行办法》" if generates else "")
            + f"整理。{_LAW.zh}",
        ),
        parts,
    )


def _generative(report: Mapping[str, Any]) -> Part:
    provenance = report["provenance"]
    licence = provenance.get("licence") or "–"
    memory = report.get("memory")
    known = [
        Text(
            f"Source: {provenance.get('name', '–')}, digest {provenance.get('digest', '–')}, licence: {licence}.",
            f"来源：{provenance.get('name', '–')}，摘要 {provenance.get('digest', '–')}，许可：{licence}。",
        )
    ]
    copies = (
        [Text(f"Whole training texts that samples copied: {memory['whole_texts']}.",
              f"样本整段照抄的训练文本：{memory['whole_texts']} 篇。")]
        if isinstance(memory, Mapping) and "whole_texts" in memory
        else []
    )  # fmt: skip
    return Part(
        Text("Generative AI", "生成式人工智能"),
        [
            Answer(
                Text("Sources of the corpus, and whether they are lawful", "语料来源及合法性"),
                known,
                Text(
                    "consent, intellectual property, share of unlawful content in a sample",
                    "授权、知识产权、抽检违法不良信息占比",
                ),
            ),
            Answer(
                Text("Labelling rules", "标注规则"),
                fill=Text(
                    "rules for annotators, their training, how many labels were checked", "标注规则、人员培训、抽检比例"
                ),
            ),
            Answer(
                Text("Safety of what is generated", "生成内容安全"),
                copies,
                Text(
                    "tests after TC260-003: question bank, refusals, blocked words, pass rates",
                    "按 TC260-003 的测试：测试题库、拒答、关键词库、合格率",
                ),
            ),
            Answer(
                Text("Labels on generated content", "生成合成内容标识"),
                fill=Text("visible and embedded labels (Measures of 2025)", "显式与隐式标识（2025 年《标识办法》）"),
            ),
            Answer(
                Text("Complaints, minors, contact", "投诉举报、未成年人保护、联系方式"),
                fill=Text("the channel and how fast it answers", "渠道与处理时限"),
            ),
        ],
    )


def _headline(report: Mapping[str, Any]) -> list[Text]:
    verdict = joined(appraisal_of(report["pattern"]).verdict(report)[:2])
    return [verdict]


def _measured(report: Mapping[str, Any]) -> list[Text]:
    told = []
    for figure in report["figures"]:
        style, title = figure["style"], text_of(figure["title"])
        value, ends = shown(figure["value"], style), interval(figure["low"], figure["high"], style)
        rows = count(figure["rows"])
        line = Text(
            f"{_en(title)}: {value.en} (95 % interval {ends.en}, {rows} rows never seen)",
            f"{_zh(title)}：{value.zh}（95% 区间 {ends.zh}，{rows} 个从未见过的行）",
        )
        best = better_baseline(figure)
        if best is not None:
            theirs, whose = shown(figure["against"][best]["value"], style), baseline_title(best)
            line = Text(f"{line.en}; {whose.en}: {theirs.en}", f"{line.zh}；{whose.zh}：{theirs.zh}")
        told.append(Text(f"{line.en}.", f"{line.zh}。"))
    return told


def _groups(report: Mapping[str, Any]) -> list[Text]:
    fair = report["chapters"].get("fairness")
    told = []
    for column in (fair or {}).get("columns", []):
        gap = column["differences"].get("group difference") or {}
        if gap.get("value") is not None:
            by = shown(gap["value"], "share")
            told.append(
                Text(
                    f"Between groups by {column['column']}, the figure differs by at most {by.en}.",
                    f"按 {column['column']} 分组，指标最多相差 {by.zh}。",
                )
            )
    return told


def _slices(report: Mapping[str, Any]) -> list[Text]:
    worst = next(iter((report["chapters"].get("slices") or {}).get("worst") or []), None)
    if worst is None:
        return []
    pairs = [(text_of(one["of"]), text_of(one["is"])) for one in worst["what"]]
    what = [Text(f"{_en(of)} {_en(is_)}", f"{_zh(of)} {_zh(is_)}") for of, is_ in pairs]
    value = f"{worst['value']:.3g}" if worst["value"] is not None else "–"
    return [
        Text(
            f"It is weakest where {listed(what).en}: {value} on {count(worst['rows'])} rows.",
            f"最弱之处：{listed(what).zh}，{count(worst['rows'])} 行上为 {value}。",
        )
    ]


def _oversight(report: Mapping[str, Any]) -> list[Text]:
    sets = report["chapters"].get("conformal")
    told = [
        Text(
            "Answers carry how sure they are, or an interval; that is calibrated on rows that were not learned from.",
            "答案附带把握程度或区间，并在未学习过的行上校准。",
        )
    ]
    if sets is not None and sets.get("covered") is not None:
        share = shown(sets["covered"], "share")
        told.append(
            Text(
                f"Sets or intervals of several answers hold the truth for {share.en} of test rows.",
                f"候选集合或区间在 {share.zh} 的测试行上包含真值。",
            )
        )
    return told


def _weak(report: Mapping[str, Any]) -> list[Text]:
    told: list[Text] = []
    for finding in report["data"].get("findings", []):
        if finding.get("severity") in ("warning", "error") and len(told) < _MOST_FINDINGS:
            said = text_of(finding.get("says", ""))
            told.append(said if isinstance(said, Text) else Text(said, said))
    return told


def _gates(report: Mapping[str, Any]) -> list[Text]:
    return [
        Text(
            f"Gate “{gate_title(gate['name']).en}”: {gate['state']}. {gate['says']['en']}",
            f"关卡“{gate_title(gate['name']).zh}”：{'通过' if gate['passed'] else '未通过'}。{gate['says']['zh']}",
        )
        for gate in report["gates"]
    ]


def _privacy(report: Mapping[str, Any]) -> list[Text]:
    private = report["chapters"].get("privacy")
    if private is None:
        return []
    value = private["attacks"][private["stronger"]]["value"]
    return [
        Text(
            f"Membership inference (0.5 is chance): {value:.2f}.",
            f"成员推断攻击（0.5 为随机）：{value:.2f}。",
        )
    ]


def _en(text: Text | str) -> str:
    return text.en if isinstance(text, Text) else text


def _zh(text: Text | str) -> str:
    return text.zh if isinstance(text, Text) else text
