package dev.terrarium.warden;

import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.process.FileErrors;
import dev.terrarium.process.ProcFs;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// An adapter on the class path, unpacked where interpreters can read it: `STATE/adapters/HASH/`.
/// What lies beside it and below comes along, since it may be imported. The hash of all that is the
/// folder's name, so that versions never mix; what is there already stays, what is missing or
/// shorter (somebody cleaned up) is written again.
public final class ClassPathAdapter {
  private static final Set<PosixFilePermission> PRIVATE =
      PosixFilePermissions.fromString("rwx------");
  private static final FileAttribute<?> ONLY_OURS = PosixFilePermissions.asFileAttribute(PRIVATE);
  private static final String PACKAGE_FILE = "/__init__.py";
  private static final int HASH_CHARACTERS = 32;
  private static final int BUFFER_BYTES = 1 << 16;

  private final Resources resources;
  private final String adapter;

  private ClassPathAdapter(Resources resources, String adapter) {
    this.resources = resources;
    this.adapter = adapter;
  }

  /// Unpacks what is not there yet. Safe for several JVMs at once: each file appears by a rename.
  ///
  /// @param owner a class of the jar, or folder, that the adapter lies in
  /// @param name of a Python file, or of a package's folder: from the owner's package, or else from
  ///   the root of the class path; with a slash at its beginning from the root only
  /// @return where it is
  /// @throws StartFailedException where there is no such thing, or nothing can be written
  public static Path unpack(Class<?> owner, String name, Path stateDirectory) {
    Found found = find(owner, name.endsWith(".py") ? name : name + PACKAGE_FILE);
    try (Resources resources = Resources.around(found.url(), found.name())) {
      String file = resources.entry();
      String adapter = name.endsWith(".py") ? file : file.replaceFirst(PACKAGE_FILE + "$", "");
      return new ClassPathAdapter(resources, adapter).unpack(stateDirectory);
    } catch (IOException e) {
      throw new StartFailedException(
          Reason.ADAPTER_UNREADABLE,
          "The adapter %s on the class path cannot be read: %s".formatted(name, e),
          e);
    }
  }

  private record Found(URL url, String name) {}

  private static Found find(Class<?> owner, String wanted) {
    String root = wanted.startsWith("/") ? wanted.substring(1) : wanted;
    String beside = owner.getPackageName().replace('.', '/') + "/" + wanted;
    for (String name : wanted.startsWith("/") ? List.of(root) : List.of(beside, root)) {
      URL url = owner.getResource("/" + name);
      if (url != null) {
        return new Found(url, name);
      }
    }
    throw missing(owner, wanted);
  }

  private static StartFailedException missing(Class<?> owner, String wanted) {
    String folder = "/" + owner.getPackageName().replace('.', '/') + "/";
    String places =
        wanted.startsWith("/") ? wanted : "%s%s or /%s".formatted(folder, wanted, wanted);
    String module = owner.getModule().getName();
    String remedy =
        module == null
            ? "put it into src/main/resources, or name a file with adapter(Path)"
            : "module %s has to contain it, and to open its folder: opens <folder> to dev.terrarium;"
                .formatted(module);
    return new StartFailedException(
        Reason.ADAPTER_MISSING,
        "There is no %s on the class path of %s; %s".formatted(places, owner.getName(), remedy));
  }

  private Path unpack(Path stateDirectory) throws IOException {
    String base = base();
    List<String> names = together(base);
    Path adapters = stateDirectory.resolve("adapters");
    Path target = adapters.resolve(hash(base, names));
    try {
      requirePrivate(adapters);
      requirePrivate(target);
      for (String name : names) {
        write(name, target.resolve(name.substring(base.length())));
      }
    } catch (IOException e) {
      throw new StartFailedException(
          Reason.DIRECTORY,
          "Cannot unpack the adapter %s into %s (%s); make room there, or set TERRARIUM_HOME to a directory that this user can write"
              .formatted(adapter, target, FileErrors.describe(e, target)),
          e);
    }
    return target.resolve(adapter.substring(base.length()));
  }

  /// The folder that is to be on Python's path, with a slash at its end: of an adapter in packages
  /// the one around them. Empty is the class path's root.
  private String base() {
    String folder = folderOf(adapter);
    while (!folder.isEmpty() && resources.has(folder + "__init__.py")) {
      folder = folderOf(folder.substring(0, folder.length() - 1));
    }
    return folder;
  }

  private static String folderOf(String name) {
    return name.substring(0, name.lastIndexOf('/') + 1);
  }

  /// All that lies in the adapter's folder and below. At the root of a class path lies everything,
  /// so from there only the adapter, or its package.
  private List<String> together(String base) throws IOException {
    return resources.names(base.isEmpty() ? topOf(adapter) : base).stream()
        .filter(it -> !it.endsWith(".class") && !it.contains("__pycache__/"))
        .filter(it -> Path.of("/" + it).normalize().equals(Path.of("/" + it))) // no way out
        .sorted()
        .toList();
  }

  private static String topOf(String adapter) {
    int end = adapter.indexOf('/');
    String top = end < 0 ? adapter : adapter.substring(0, end);
    return top.endsWith(".py") ? top : top + "/";
  }

  private String hash(String base, List<String> names) throws IOException {
    MessageDigest digest = sha256();
    for (String name : names) {
      digest.update(name.substring(base.length()).getBytes(StandardCharsets.UTF_8));
      digest.update((byte) 0);
      try (var in = new DigestInputStream(resources.open(name), digest)) {
        byte[] buffer = new byte[BUFFER_BYTES];
        long size = 0;
        for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
          size += read;
        }
        digest.update(Long.toString(size).getBytes(StandardCharsets.UTF_8));
      }
    }
    return HexFormat.of().formatHex(digest.digest()).substring(0, HASH_CHARACTERS);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("each JDK has it", e);
    }
  }

  private void write(String name, Path file) throws IOException {
    if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
        && Files.size(file) == resources.size(name)) {
      return;
    }
    Path folder = parent(file);
    Files.createDirectories(folder, ONLY_OURS);
    Path temporary = Files.createTempFile(folder, ".tmp-", "");
    try (InputStream in = resources.open(name)) {
      Files.copy(in, temporary, StandardCopyOption.REPLACE_EXISTING);
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  private static Path parent(Path file) {
    @Nullable Path parent = file.getParent();
    return parent == null ? file : parent;
  }

  /// What interpreters run must be written by nobody else.
  private static void requirePrivate(Path directory) throws IOException {
    try {
      Files.createDirectory(directory, ONLY_OURS);
    } catch (FileAlreadyExistsException e) {
      Object uid = Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS);
      if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)
          || ((Number) uid).longValue() != ProcFs.ownUid()) {
        throw new FileSystemException(
            directory.toString(), null, "it is no directory of this user's");
      }
      Files.setPosixFilePermissions(directory, PRIVATE);
    }
  }
}
