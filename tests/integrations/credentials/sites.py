"""Services that check credentials, each as its framework's documentation does, and who uses them."""

from __future__ import annotations

FASTAPI = """
import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from pwdlib import PasswordHash
from sqlmodel import Field, Session, SQLModel, create_engine, select

KEY = "k" * 40
hashes = PasswordHash.recommended()
engine = create_engine("sqlite:///members.sqlite3", connect_args={"check_same_thread": False})
bearer = OAuth2PasswordBearer(tokenUrl="/token")
app = FastAPI()


class Member(SQLModel, table=True):
    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
    name: str
    hashed_password: str


def session():
    with Session(engine) as opened:
        yield opened


Database = Annotated[Session, Depends(session)]


def current(database: Database, token: Annotated[str, Depends(bearer)]) -> Member:
    try:
        claims = jwt.decode(token, KEY, algorithms=["HS256"])
    except jwt.ExpiredSignatureError:
        raise HTTPException(401, "sign in again") from None
    except jwt.InvalidTokenError as error:
        raise HTTPException(403, str(error)) from None
    member = database.get(Member, uuid.UUID(claims["sub"]))
    return member


def token_of(member: Member, hours: int) -> str:
    until = datetime.now(UTC) + timedelta(hours=hours)
    return jwt.encode({"sub": str(member.id), "exp": until, "jti": uuid.uuid4().hex}, KEY, algorithm="HS256")


@app.post("/members")
def join(database: Database, name: str, form: dict[str, str]):
    member = Member(name=name, hashed_password=hashes.hash(form["password"]))
    database.add(member)
    database.commit()
    return {"id": member.id}


@app.post("/token")
def sign_in(database: Database, form: Annotated[OAuth2PasswordRequestForm, Depends()], hours: int = 1):
    member = database.exec(select(Member).where(Member.name == form.username)).first()
    if member is None:
        raise HTTPException(404)
    good, renewed = hashes.verify_and_update(form.password, member.hashed_password)
    if not good:
        raise HTTPException(400, "wrong password")
    return {"access_token": token_of(member, hours), "renewed": renewed is not None}


@app.get("/me")
def me(member: Annotated[Member, Depends(current)]):
    return {"id": member.id, "name": member.name}


if __name__ == "__main__":
    from fastapi.testclient import TestClient

    SQLModel.metadata.create_all(engine)
    client = TestClient(app)
    for name in ("ann", "bob"):
        client.post("/members", params={"name": name}, json={"password": f"{name}-S3same"})
        password = {"username": name, "password": f"{name}-wr0ng"}
        assert client.post("/token", data=password).status_code == 400
        password["password"] = f"{name}-S3same"
        for hours, status in ((1, 200), (-1, 401)):
            token = client.post(f"/token?hours={hours}", data=password).json()["access_token"]
            answer = client.get("/me", headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == status, answer.text
            print(token)
    assert client.get("/me", headers={"authorization": f"Bearer {token}x"}).status_code == 403
    print("ann-S3same")
"""

FLASK = """
import re

from flask import Flask, flash, redirect, render_template_string, request
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_wtf import FlaskForm
from werkzeug.security import check_password_hash, generate_password_hash
from wtforms import BooleanField, PasswordField, StringField

app = Flask(__name__)
app.config["SECRET_KEY"] = "k" * 40
login = LoginManager(app)
login.login_view = "sign_in"
HASHES = {name: generate_password_hash(f"{name}-S3same") for name in ("ann", "bob")}
PAGE = "{% for text in get_flashed_messages() %}{{ text }}{% endfor %}<form>{{ form.hidden_tag() }}</form>"


class SignIn(FlaskForm):
    name = StringField()
    password = PasswordField()
    remember = BooleanField()


@login.user_loader
def load(name):
    member = UserMixin()
    member.id = name
    return member


@app.route("/sign-in", methods=["GET", "POST"])
def sign_in():
    form = SignIn()
    if form.validate_on_submit():
        if check_password_hash(HASHES[form.name.data], form.password.data):
            login_user(load(form.name.data), remember=form.remember.data)
            return redirect("/")
        flash("wrong password")
        return redirect("/sign-in")
    return render_template_string(PAGE, form=form)


@app.route("/", methods=["GET", "POST"])
@login_required
def home():
    form = SignIn()
    if request.method == "POST" and not form.validate():
        return {"errors": form.errors}, 400
    return current_user.id + render_template_string(PAGE, form=form)


if __name__ == "__main__":
    for name in ("ann", "bob"):
        client = app.test_client()

        def form(path, **fields):
            page = client.get(path).text
            fields["csrf_token"] = re.search('value="([^"]+)"', page)[1]
            return client.post(path, data=fields)

        assert client.get("/").status_code == 302
        assert form("/sign-in", name=name, password=f"{name}-wr0ng").location == "/sign-in"
        assert "wrong password" in client.get("/sign-in").text
        assert form("/sign-in", name=name, password=f"{name}-S3same", remember="y").location == "/"
        assert form("/", name="x").text.startswith(name)
        assert client.post("/", data={"csrf_token": "forged"}).status_code == 400
        print(client.get_cookie("remember_token").value, client.get_cookie("session").value)
        client.delete_cookie("session")
        assert client.get("/").text.startswith(name)
    print("ann-S3same")
"""

DJANGO = """
import gc

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="k" * 50, ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, USE_TZ=True,
    INSTALLED_APPS=[
        "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
        "django.contrib.messages",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    PASSWORD_HASHERS=[
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "members.sqlite3"}},
)
django.setup()

from django.contrib import messages
from django.contrib.auth import authenticate, login
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.urls import path


def home(request):
    said = [str(message) for message in messages.get_messages(request)]
    return HttpResponse(f"{request.user.username} {said} token={get_token(request)}")


def sign_in(request):
    if request.method == "GET":
        return HttpResponse(f"token={get_token(request)}")
    user = authenticate(request, username=request.POST["name"], password=request.POST["password"])
    if user is None:
        return HttpResponse("wrong password", status=400)
    login(request, user)
    messages.success(request, f"Welcome, {user.username}")
    return redirect("/")


urlpatterns = [path("", home), path("sign-in", sign_in)]
app = get_wsgi_application()

if __name__ == "__main__":
    from django.contrib.auth import get_user_model
    from django.contrib.auth.hashers import make_password
    from django.core.management import call_command
    from werkzeug.test import Client

    call_command("migrate", verbosity=0)
    users = get_user_model().objects
    for name, kind in (("ann", "default"), ("bob", "md5")):
        users.create(username=name, password=make_password(f"{name}-S3same", hasher=kind))
        client = Client(app)

        def form(path, **fields):
            token = client.get(path).text.partition("token=")[2]
            return client.post(path, data={**fields, "csrfmiddlewaretoken": token})

        assert form("/sign-in", name=name, password=f"{name}-wr0ng").status_code == 400
        assert client.post("/sign-in", data={"csrfmiddlewaretoken": "forged"}).status_code == 403
        assert form("/sign-in", name=name, password=f"{name}-S3same").status_code == 302
        assert client.get("/").text.startswith(f"{name} ['Welcome, {name}']")
        assert form("/").text.startswith(f"{name} []")
        print(client.get_cookie("sessionid").value, client.get_cookie("csrftoken").value)
    gc.collect()  # responses that this client left open
    print("ann-S3same")
"""

STARLETTE = """
import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from jose import JWTError, jwt
from passlib.context import CryptContext
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

KEY = "k" * 40
argon, older = PasswordHasher(), CryptContext(["pbkdf2_sha256", "md5_crypt"], deprecated="auto")
HASHES = {
    "argon2": argon.hash("S3same-one"),
    "bcrypt": bcrypt.hashpw(b"S3same-one", bcrypt.gensalt(4)).decode(),
    "passlib": older.hash("S3same-one", scheme="md5_crypt"),
}


def verified(kind, password):
    if kind == "argon2":
        try:
            argon.verify(HASHES[kind], password)
        except VerifyMismatchError:
            return False, None
        return True, argon.check_needs_rehash(HASHES[kind])
    if kind == "bcrypt":
        return bcrypt.checkpw(password.encode(), HASHES[kind].encode()), None
    good, renewed = older.verify_and_update(password, HASHES[kind])
    return good, renewed is not None


async def sign_in(request):
    given = await request.json()
    kind = given["kind"]
    good, renewed = verified(kind, given["password"])
    if good:
        request.session["member"] = {"of": kind, "csrf_token": "one-of-forms-7"}
    token = jwt.encode({"sub": kind}, KEY)
    return JSONResponse({"good": good, "renewed": renewed, "access_token": token})


async def me(request):
    try:
        claims = jwt.decode(request.headers["authorization"].removeprefix("Bearer "), KEY)
    except JWTError as error:
        claims = {"error": str(error)}
    return JSONResponse({"claims": claims, "session": request.session})


app = Starlette(
    routes=[Route("/sign-in", sign_in, methods=["POST"]), Route("/me", me)],
    middleware=[Middleware(SessionMiddleware, secret_key=KEY)],
)

if __name__ == "__main__":
    from starlette.testclient import TestClient

    for kind in HASHES:
        client = TestClient(app)
        given = {"kind": kind, "password": "S3same-two"}
        assert client.post("/sign-in", json=given).json()["good"] is False
        given["password"] = "S3same-one"
        token = client.post("/sign-in", json=given).json()["access_token"]
        assert client.get("/me", headers={"authorization": f"Bearer {token}"}).json() == {
            "claims": {"sub": kind}, "session": {"member": {"of": kind, "csrf_token": "one-of-forms-7"}},
        }
        print(token, client.cookies["session"])
    client = TestClient(app)
    client.cookies["session"] = "forged-S3ssion"
    assert client.get("/me", headers={"authorization": "Bearer forged"}).json()["session"] == {}
    print("S3same-one")
"""
