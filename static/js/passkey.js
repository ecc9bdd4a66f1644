/* Asks the browser for a passkey, or to make one, and sends what it answers. */
const form = document.querySelector("[data-passkey]");
const status = document.querySelector("[data-passkey-status]");

async function answer() {
  const options = JSON.parse(form.dataset.options);
  if (form.dataset.passkey === "create") {
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

async function use() {
  try {
    const credential = await answer();
    form.elements.credential.value = JSON.stringify({
      ...credential.toJSON(), extensions: JSON.stringify(credential.getClientExtensionResults()),
    });
    form.requestSubmit();
  } catch {
    status.textContent = form.dataset.refused;
    document.querySelector("[data-passkey-again]")?.removeAttribute("hidden");
  }
}

if (form) use();
