"""What the page asks for while its stream of answers closes is answered too (demo/answers.js)."""

from pathlib import Path

import pytest

from .browser import needs_chromium

SCRIPT = (Path(__file__).parents[2] / "demo" / "answers.js").read_text(encoding="utf-8")

SERVER = """
const done = arguments[arguments.length - 1], streams = [], texts = new TextEncoder();
const say = (stream, record) => stream.enqueue(texts.encode(`data: ${JSON.stringify(record)}\\n\\n`));
const completed = id => ({msg: 'process_completed', event_id: id});
const server = async (address, options) => {
    if (address.endsWith('/queue/join')) return new Response(JSON.stringify({event_id: options.body}));
    if (address.endsWith('/cancel')) return new Response('{}');
    return new Response(new ReadableStream({start: stream => { streams.push(stream); }}));
};
const page = window.facehubAnswers(server), heard = [];
const join = id => page('/gradio_api/queue/join', {body: id}).then(response => response.json());
const listen = async () => {
    const response = await page('/gradio_api/queue/data?session_hash=a');
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ''; ;) {
        const {value, done} = await reader.read();
        if (done) return heard.push('end');
        text += value;
        for (let cut; (cut = text.indexOf('\\n\\n')) >= 0; text = text.slice(cut + 2)) {
            const record = JSON.parse(text.slice(6, cut));
            heard.push(record.event_id ?? record.msg);
        }
    }
};
const until = async condition => { while (!condition()) await new Promise(wait => setTimeout(wait, 1)); };
const close = stream => { say(stream, {msg: 'close_stream'}); stream.close(); };
"""
"""A server of two functions, and a page that listens."""


@pytest.fixture
def told(driver):
    """What a page hears; the script gets the server above."""
    driver.get("about:blank")
    driver.execute_script(SCRIPT.replace("location.href", "'http://page.test'"))
    driver.set_script_timeout(30)

    def run(story: str) -> list:
        return driver.execute_async_script(f"{SERVER} (async () => {{ {story} done(heard); }})();")

    return run


@needs_chromium
def test_what_is_asked_for_while_the_stream_closes_is_answered(told):
    story = """
    await join('first'); listen(); await until(() => streams.length === 1);
    say(streams[0], completed('first'));
    await join('second'); close(streams[0]);
    await until(() => streams.length === 2);
    say(streams[1], completed('second')); close(streams[1]);
    await until(() => heard.includes('end'));
    """
    assert told(story) == ["first", "second", "close_stream", "end"]


@needs_chromium
def test_a_stream_whose_questions_are_answered_closes(told):
    story = """
    const joined = join('early'); listen(); await until(() => streams.length === 1);
    say(streams[0], completed('early')); await joined;
    await join('given up'); await page('/gradio_api/cancel', {body: JSON.stringify({event_id: 'given up'})});
    close(streams[0]); await until(() => heard.includes('end'));
    """
    assert told(story) == ["early", "close_stream", "end"]


@needs_chromium
def test_a_request_that_is_still_on_its_way_is_waited_for(told):
    story = """
    await join('first'); listen(); await until(() => streams.length === 1);
    say(streams[0], completed('first'));
    const second = join('second'); close(streams[0]); await second;
    await until(() => streams.length === 2);
    say(streams[1], completed('second')); close(streams[1]);
    await until(() => heard.includes('end'));
    """
    assert told(story) == ["first", "second", "close_stream", "end"]


@needs_chromium
def test_a_stream_that_breaks_off_is_no_end(told):
    story = """
    await join('first'); const broken = listen().catch(() => heard.push('broken'));
    await until(() => streams.length === 1);
    streams[0].error(new Error('connection lost')); await broken;
    """
    assert told(story) == ["broken"]


@needs_chromium
def test_the_page_has_it_before_gradios_own_scripts(visitor):
    assert visitor.driver.execute_script("return typeof window.facehubAnswers") == "function"
    assert "[native code]" not in visitor.driver.execute_script("return window.fetch.toString()")
